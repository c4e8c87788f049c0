"""Several processes that train together: what notebook 12 adds to notebook 05.

Each process is a rank: it has a number, from 0 to ranks - 1. Where only one process runs, it is rank 0 of 1, and all
of this works, and does nothing. `torchrun` tells each process its number by variables of the environment.
"""

import hashlib
import itertools
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

# Imported only after the ranks have met, it would keep their connections until Python ends, and that can crash: its
# functions take the group of all ranks as a default. Sources: its text in PyTorch 2.14, and pytorch/pytorch 179291.
import torch.distributed.nn
from torch.utils.data import Dataset, DistributedSampler

SOURCE_DIR = Path(__file__).resolve().parent.parent


class EachOnce(DistributedSampler):
    """DistributedSampler without the samples that it repeats: each rank gets its share, and each sample comes once.

    DistributedSampler repeats the first samples until the shares of all ranks are equally long. Here the shares may
    differ by one. Sample k of rank r is number k * ranks + r of the random order of all samples.
    """

    def __len__(self) -> int:
        return len(range(self.rank, len(self.dataset), self.num_replicas))

    def __iter__(self) -> Iterator[int]:
        return itertools.islice(super().__iter__(), len(self))  # what is repeated stands at the end


def join(wait: float) -> tuple[int, int]:
    """Meet the other ranks, and return the number of this rank and the number of all.

    A process that was started alone, without `torchrun`, is rank 0 of 1. `wait`: how many seconds to wait for the
    others, here and at each step. Raises RuntimeError if they do not come: `why_not_together` has the sentence.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not dist.is_initialized():  # Ray, say, has met the others already
        use_store_of_this_system()
        use_loopback()
        backend, timeout = dist.get_default_backend_for_device(choose_rank_device()), timedelta(seconds=wait)
        store, rank, ranks = next(dist.rendezvous("env://", timeout=timeout))
        if is_one_machine():
            # When torchrun starts ranks again, its store still has the addresses of the dead ones: look elsewhere in it.
            # Source: pytorch/pytorch issue 135712. For several machines, launch.py has another way.
            store = dist.PrefixStore(f"start {restarts()}", store)
        dist.init_process_group(backend, store=store, rank=rank, world_size=ranks, timeout=timeout)
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def restarts() -> int:
    """Return how often torchrun has started the ranks of this machine again."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))


def is_one_machine() -> bool:
    """Tell whether all ranks are on this machine."""
    return os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]


def leave() -> None:
    """Close the connections to the other ranks, if there are any."""
    if dist.is_initialized():
        dist.destroy_process_group()


def choose_rank_device() -> torch.device:
    """Return the graphics card of this rank if there is one for each rank of this machine, or else the CPU."""
    here, ranks_here = int(os.environ.get("LOCAL_RANK", 0)), int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    # Apple's `mps` has no way to talk to other ranks.
    if torch.cuda.is_available() and torch.cuda.device_count() >= ranks_here:
        torch.cuda.set_device(here)
        return torch.device("cuda", here)
    return torch.device("cpu")


def use_store_of_this_system() -> None:
    """Let PyTorch do without libuv where it was built without: its programs for Windows are.

    The ranks find each other through a small server, TCPStore. It asks for libuv, a library, and several of the places
    that start it have no setting for that. Source: pytorch/pytorch issues 139990 and 178600.
    """
    os.environ.setdefault("USE_LIBUV", "0" if sys.platform == "win32" else "1")
    if os.environ["USE_LIBUV"] == "1":
        return

    class TCPStore(dist.TCPStore):
        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, **{**kwargs, "use_libuv": False})

    from torch.distributed.elastic.rendezvous import c10d_rendezvous_backend, static_tcp_rendezvous

    for module in (dist, c10d_rendezvous_backend, static_tcp_rendezvous):
        module.TCPStore = TCPStore


def use_loopback() -> None:
    """Let the ranks of one machine talk through its own address where its name leads nowhere.

    gloo looks up the name of the machine, which some networks do not know. Source: pytorch/pytorch issues 26049, 80638.
    """
    if "GLOO_SOCKET_IFNAME" in os.environ or not is_one_machine():
        return
    try:
        socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        import psutil

        for name, addresses in psutil.net_if_addrs().items():
            if any(address.address == "127.0.0.1" for address in addresses):
                os.environ["GLOO_SOCKET_IFNAME"] = name


def warn_if_crowded() -> None:
    """Print a line if this machine has fewer cores than ranks that compute with them."""
    ranks_here, cores = int(os.environ.get("LOCAL_WORLD_SIZE", 1)), os.cpu_count()
    if ranks_here > cores and choose_rank_device().type == "cpu":
        print(f"Note: {ranks_here} ranks share {cores} cores, so they wait for each other. More ranks are not faster.")


def why_not_together(error: RuntimeError, wait: float) -> str | None:
    """Say in a sentence why the ranks did not come or stay together; None if the error is about something else."""
    text = " ".join(str(error).split())
    came = re.search(r"(\d+)/(\d+) clients joined", text)
    if came:
        return f"expected {came[2]} ranks, but only {came[1]} came within {wait:g} seconds: start all of them."
    if "EADDRINUSE" in text:
        port = re.search(r"port: (\d+)", text)
        is_used = f"the port {port[1] if port else ''} is in use"
        return f"{is_used}: choose another one, or start with torchrun --standalone, which finds one."
    if isinstance(error, dist.DistError) or "gloo" in text:
        reason = f"did not answer within {wait:g} seconds" if "imed out" in text else "went away"
        return f"another rank {reason}: look for its message, then start all again with --resume."
    return None


def add_up(*numbers: float) -> list[float]:
    """Return the sums over all ranks of some numbers."""
    if not dist.is_initialized():
        return list(numbers)
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    sums = torch.tensor(numbers, dtype=torch.float64, device=device)
    dist.all_reduce(sums)
    return sums.tolist()


def in_all_ranks(function: Callable, *arguments: object) -> object:
    """Return what the function returns in this rank; an OSError or ValueError of one rank is raised in all of them.

    Otherwise the others would wait for a rank that has stopped.
    """
    result, problem = None, None
    try:
        result = function(*arguments)
    except (OSError, ValueError) as error:
        problem = error
    for error in from_all_ranks(problem):
        if error:
            raise error
    return result


def from_rank_0(function: Callable, *arguments: object) -> object:
    """Call the function in rank 0 alone, and return its result in all ranks. Raises as `in_all_ranks` does."""
    is_rank_0 = not dist.is_initialized() or dist.get_rank() == 0
    results = from_all_ranks(in_all_ranks(function if is_rank_0 else (lambda *_: None), *arguments))
    return results[0]


def from_all_ranks(value: object) -> list:
    """Return what each rank gave, in the order of the ranks, in each rank."""
    if not dist.is_initialized():
        return [value]
    values = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def fingerprint(settings: dict, datasets: Iterable[Dataset]) -> dict[str, str]:
    """Return what must be the same in all ranks, as name -> text. Each dataset has `data` and `targets`, as MNIST has."""
    program = "".join(path.read_text(encoding="utf-8") for path in sorted(SOURCE_DIR.glob("**/*.py")))
    of_data = hashlib.sha256()
    for dataset in datasets:
        of_data.update(dataset.data.numpy().tobytes() + dataset.targets.numpy().tobytes())
    return {
        "version of PyTorch": torch.__version__.split("+")[0],  # without the hardware that it was built for
        "program (mnist_lesson)": hashlib.sha256(program.encode()).hexdigest()[:8],
        "settings": str(settings),
        "data (MNIST)": of_data.hexdigest()[:8],
    }


def check_same(prints: dict[str, str]) -> None:
    """Raise ValueError if the fingerprints of the ranks differ: they would train different networks."""
    all_prints = from_all_ranks(prints)
    for rank, other in enumerate(all_prints):
        for name, value in all_prints[0].items():
            if other[name] != value:
                found = f"rank 0 has {value}, rank {rank} has {other[name]}"
                raise ValueError(f"expected the same {name} in all ranks, but {found}: make them equal.")
