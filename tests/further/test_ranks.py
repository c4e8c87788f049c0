"""mnist_lesson.further.ranks: each sample once, one sentence for what goes wrong, and one process alone."""

import socket
import sys
from datetime import timedelta
from types import SimpleNamespace

import psutil
import pytest
import torch
import torch.distributed as dist
from torch.utils.data import DistributedSampler

from mnist_lesson.further import ranks
from mnist_lesson.further.ranks import EachOnce, why_not_together

SAME = {"version of PyTorch": "2.7", "settings": "{}"}


def orders(size, count, epoch=0, seed=0):
    """What each rank gets of so many samples."""
    samplers = [EachOnce(range(size), count, rank, seed=seed) for rank in range(count)]
    for sampler in samplers:
        sampler.set_epoch(epoch)
    assert [len(sampler) for sampler in samplers] == [len(list(sampler)) for sampler in samplers]
    return [list(sampler) for sampler in samplers]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 16])
def test_each_sample_comes_once(count):
    for size in (*range(1, 20), 31, 32, 33, 100, 1001):
        shares = orders(size, count, epoch=size)
        assert sorted(sum(shares, [])) == list(range(size))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_all_ranks_follow_one_order_and_each_epoch_has_another():
    whole = orders(101, 1, epoch=3)[0]
    assert orders(101, 3, epoch=3) == [whole[0::3], whole[1::3], whole[2::3]]
    seen = [tuple(orders(101, 2, epoch)[0]) for epoch in range(10)]
    assert len(set(seen)) == 10
    assert orders(101, 2, seed=1) != orders(101, 2, seed=0) == orders(101, 2)


def test_where_the_samples_divide_it_is_the_sampler_of_pytorch():
    for rank in range(4):
        assert list(EachOnce(range(12), 4, rank)) == list(DistributedSampler(range(12), 4, rank))


def test_a_process_alone_is_rank_0_of_1_and_nothing_is_sent():
    assert ranks.join(1) == (0, 1) and not dist.is_initialized()
    assert ranks.add_up(1, 2.5) == [1, 2.5]
    assert ranks.from_all_ranks("a") == ["a"]
    assert ranks.from_rank_0(max, 3, 4) == ranks.in_all_ranks(max, 3, 4) == 4
    ranks.leave()


@pytest.mark.parametrize("error", [OSError("disk"), ValueError("number")])
def test_the_error_of_one_rank_is_raised_in_all(error, monkeypatch):
    monkeypatch.setattr(ranks, "from_all_ranks", lambda own: [own, error])
    with pytest.raises(type(error), match=str(error)):
        ranks.in_all_ranks(int)


def test_other_errors_are_those_of_one_rank():
    with pytest.raises(ZeroDivisionError):
        ranks.in_all_ranks(lambda: 1 / 0)


def test_rank_0_alone_works_and_all_get_its_result(monkeypatch):
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(ranks, "from_all_ranks", lambda own: ["of rank 0" if own is None else None, own])
    monkeypatch.setattr(ranks, "in_all_ranks", lambda function: function())
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    assert ranks.from_rank_0(lambda: pytest.fail("rank 1 worked")) == "of rank 0"


@pytest.mark.parametrize("name", SAME)
def test_ranks_that_differ_are_refused(name, monkeypatch):
    monkeypatch.setattr(ranks, "from_all_ranks", lambda own: [own, own])
    ranks.check_same(SAME)
    monkeypatch.setattr(ranks, "from_all_ranks", lambda own: [own, own, {**own, name: "other"}])
    found = f"rank 0 has {SAME[name]}, rank 2 has other"
    with pytest.raises(ValueError) as caught:
        ranks.check_same(SAME)
    assert str(caught.value) == f"expected the same {name} in all ranks, but {found}: make them equal."


def test_a_fingerprint_depends_on_each_thing(monkeypatch, tmp_path):
    data = lambda value: SimpleNamespace(data=torch.tensor([value, 2]), targets=torch.tensor([1]))
    before = ranks.fingerprint({"SEED": 0}, [data(1), data(2)])
    assert before == ranks.fingerprint({"SEED": 0}, [data(1), data(2)])
    changed = lambda other: [name for name in before if other[name] != before[name]]
    assert changed(ranks.fingerprint({"SEED": 1}, [data(1), data(2)])) == ["settings"]
    assert changed(ranks.fingerprint({"SEED": 0}, [data(1), data(3)])) == ["data (MNIST)"]
    monkeypatch.setattr(torch, "__version__", before["version of PyTorch"] + "+cu999")
    assert changed(ranks.fingerprint({"SEED": 0}, [data(1), data(2)])) == []  # for another card, but the same version
    monkeypatch.setattr(ranks, "SOURCE_DIR", tmp_path)
    assert changed(ranks.fingerprint({"SEED": 0}, [data(1), data(2)])) == ["program (mnist_lesson)"]


def test_line_ends_of_windows_are_no_other_program(monkeypatch, tmp_path):
    monkeypatch.setattr(ranks, "SOURCE_DIR", tmp_path)
    found = set()
    for content in (b"a\nb\n", b"a\r\nb\r\n"):
        (tmp_path / "a.py").write_bytes(content)
        found.add(ranks.fingerprint({}, [])["program (mnist_lesson)"])
    assert len(found) == 1


@pytest.mark.parametrize(
    "error, sentence",
    [
        (
            dist.DistStoreError("Timed out after 3 seconds waiting for clients. 1/2 clients joined."),
            "expected 2 ranks, but only 1 came within 3 seconds: start all of them.",
        ),
        (
            dist.DistNetworkError("The server socket has failed to listen. port: 123, EADDRINUSE, address in use"),
            "the port 123 is in use: choose another one, or start with torchrun --standalone, which finds one.",
        ),
        (
            RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer"),
            "another rank went away: look for its message, then start all again with --resume.",
        ),
        (
            RuntimeError("[gloo/transport/tcp/unbound_buffer.cc:78] Timed out\\nwaiting 3000ms for recv operation"),
            "another rank did not answer within 3 seconds: look for its message, then start all again with --resume.",
        ),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), None),
    ],
)
def test_why_ranks_are_not_together(error, sentence):
    assert why_not_together(error, 3) == sentence


@pytest.mark.parametrize("ranks_here, cores, note", [(3, 2, True), (2, 2, False), (1, 1, False)])
def test_more_ranks_than_cores(ranks_here, cores, note, monkeypatch, capsys):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(ranks_here))
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ranks.warn_if_crowded()
    assert capsys.readouterr().out.startswith("Note: 3 ranks share 2 cores") == note


@pytest.mark.parametrize(
    "cards, ranks_here, device", [(0, 2, "cpu"), (1, 2, "cpu"), (2, 2, "cuda:1"), (4, 2, "cuda:1")]
)
def test_each_rank_has_a_graphics_card_or_none_has(cards, ranks_here, device, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(ranks_here))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    assert str(ranks.choose_rank_device()) == device


@pytest.fixture
def one_machine(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "to be restored")
    monkeypatch.delenv("GLOO_SOCKET_IFNAME")


def interface(monkeypatch):
    """The name of the interface that is chosen where the name of this machine leads nowhere."""

    def fail(*_):
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    ranks.use_loopback()
    return ranks.os.environ.get("GLOO_SOCKET_IFNAME")


def test_a_name_that_leads_nowhere_is_not_asked(one_machine, monkeypatch):
    addresses = [address.address for address in psutil.net_if_addrs()[interface(monkeypatch)]]
    assert "127.0.0.1" in addresses


def test_several_machines_cannot_talk_by_the_own_address_of_one(one_machine, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert interface(monkeypatch) is None


def test_what_the_user_has_chosen_stays(one_machine, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth7")
    assert interface(monkeypatch) == "eth7"


def test_a_name_that_is_known_stays_in_use(one_machine, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])
    ranks.use_loopback()
    assert "GLOO_SOCKET_IFNAME" not in ranks.os.environ


@pytest.mark.parametrize("platform, uses_libuv", [("linux", True), ("darwin", True), ("win32", False)])
def test_windows_does_without_libuv(platform, uses_libuv, monkeypatch):
    from torch.distributed.elastic.rendezvous import c10d_rendezvous_backend, static_tcp_rendezvous

    if uses_libuv and sys.platform == "win32":
        pytest.skip("PyTorch for Windows has no libuv")
    monkeypatch.setenv("USE_LIBUV", "to be restored")
    monkeypatch.delenv("USE_LIBUV")
    modules = (dist, c10d_rendezvous_backend, static_tcp_rendezvous)
    for module in modules:
        monkeypatch.setattr(module, "TCPStore", module.TCPStore)
    monkeypatch.setattr(sys, "platform", platform)
    ranks.use_store_of_this_system()
    for module in modules:
        store = module.TCPStore("127.0.0.1", 0, None, True, timedelta(seconds=5))
        assert store.libuvBackend == uses_libuv
    assert ranks.os.environ["USE_LIBUV"] == str(int(uses_libuv))
