"""Notebook 05 as a program, for one process or for several that train one network together: see notebook 12.

    python -m mnist_lesson.further.train --epochs 5
    torchrun --standalone --nproc-per-node=2 -m mnist_lesson.further.train --epochs 5

However many ranks (processes) there are, they compute what one process computes, apart from rounding: each batch is
divided among them, and the mean of their gradients is the gradient of the whole batch. (On Windows, write
`python -m mnist_lesson.further.launch` for `torchrun`.)
"""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
import torch.nn as nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD, Optimizer
from torch.utils.data import DataLoader, Subset

from mnist_lesson.data import load_mnist
from mnist_lesson.device import choose_device
from mnist_lesson.engine import check_batch, check_epochs
from mnist_lesson.further.checkpoint import go_on, load_checkpoint, prepare_folder, save_checkpoint
from mnist_lesson.further.ranks import (
    EachOnce,
    add_up,
    check_same,
    choose_rank_device,
    fingerprint,
    from_all_ranks,
    from_rank_0,
    in_all_ranks,
    join,
    leave,
    restarts,
    warn_if_crowded,
    why_not_together,
)
from mnist_lesson.model import CNN
from mnist_lesson.progress import progress_bar
from mnist_lesson.results import RUNS_DIR, History, save_run

CHECKPOINT = "checkpoint.pt"


def train(
    shares: Iterable[tuple[torch.Tensor, torch.Tensor, int]],
    model: nn.Module,
    loss_fn: Callable,
    optimizer: Optimizer,
    ranks: int,
) -> tuple[float, float]:
    """Show the model all of the data once, a share of each batch in each rank, and change its weights after every batch.

    `shares` yields what `shares_of_batches` does; `loss_fn(logits, labels)` returns the **sum** of the losses of its
    images. Returns accuracy (0..1) and loss, each a mean over all samples of all ranks, taken while the weights change.
    Raises ValueError if logits and labels of the first share do not fit together.
    """
    device = next(model.parameters()).device
    correct, loss_sum, size = 0, 0, 0
    model.train()
    for images, labels, batch_size in shares:
        images, labels = images.to(device), labels.to(device)
        logits = model(images)  # (N, classes)
        if size == 0:
            check_batch(logits, labels)
        loss = loss_fn(logits, labels)

        optimizer.zero_grad()
        (loss * ranks / batch_size).backward()  # at its end, the ranks take the mean of their gradients
        optimizer.step()

        correct += (logits.argmax(1) == labels).type(torch.float).sum().item()
        loss_sum += loss.item()
        size += len(labels)
    correct, loss_sum, size = add_up(correct, loss_sum, size)
    return correct / size, loss_sum / size


def test(dataloader: Iterable, model: nn.Module, loss_fn: Callable) -> tuple[float, float]:
    """Measure the model on the data of all ranks; `dataloader` yields this rank's share, in pairs of images and labels.

    `loss_fn` and what is returned are as in `train`.
    """
    device = next(model.parameters()).device
    correct, loss_sum, size = 0, 0, 0
    model.eval()
    with torch.no_grad():
        for images, labels in progress_bar(dataloader, "test"):
            images, labels = images.to(device), labels.to(device)
            logits = model(images)  # (N, classes)
            loss = loss_fn(logits, labels)

            correct += (logits.argmax(1) == labels).type(torch.float).sum().item()
            loss_sum += loss.item()
            size += len(labels)
    correct, loss_sum, size = add_up(correct, loss_sum, size)
    return correct / size, loss_sum / size


test.__test__ = False  # or pytest takes it for a test wherever it is imported


def shares_of_batches(
    train_dl: DataLoader, size: int, batch_size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
    """Yield this rank's share of each batch, images and labels, and how many images the whole batch has.

    `train_dl` yields the shares, `size` is the number of all images. All ranks take equally many steps: where the last
    batch has fewer images than there are ranks, a rank without one gets an empty share. It must take part in the step,
    for the others wait for its gradient.
    """
    own, share = iter(progress_bar(train_dl, "train")), None
    for start in range(0, size, batch_size):
        share = next(own, None) or [part[:0] for part in share]
        yield *share, min(batch_size, size - start)


def fit(settings: dict, folder: Path, resume: bool, rank: int, ranks: int, device: torch.device) -> History:
    """Train for some epochs, test after each, save a checkpoint in `folder`, and print one line for each; then save all.

    `settings` are the four of notebook 05, and IMAGES: how many images of each set are used. With `resume`, training
    goes on after the last epoch that the checkpoint has. Raises ValueError or OSError with one sentence, in all ranks.
    """
    batch_size, size = settings["BATCH_SIZE"], settings["IMAGES"]
    in_all_ranks(check_settings, settings, ranks)
    train_ds, test_ds = in_all_ranks(load_mnist, True), in_all_ranks(load_mnist, False)
    check_same(fingerprint(settings, (train_ds, test_ds)))
    torch.manual_seed(settings["SEED"])
    model = CNN().to(device)
    optimizer = SGD(model.parameters(), lr=settings["LEARN_RATE"])
    loss_fn = nn.CrossEntropyLoss(reduction="sum")
    history, path = History(), folder / CHECKPOINT
    from_rank_0(prepare_folder, path, resume)
    if resume:
        checkpoint = from_rank_0(load_checkpoint, path, model, settings, ranks)
        history = go_on(checkpoint, model, optimizer, rank)
        print(f"Go on after epoch {len(history)}.", flush=True)

    train_part, test_part = (Subset(dataset, range(min(size, len(dataset)))) for dataset in (train_ds, test_ds))
    sampler = EachOnce(train_part, ranks, rank, seed=settings["SEED"])
    train_dl = DataLoader(train_part, batch_size=batch_size // ranks, sampler=sampler)
    test_dl = DataLoader(Subset(test_part, range(rank, len(test_part), ranks)), batch_size=batch_size)
    # In it, `backward` ends with the mean of the gradients over all ranks. Its weights are those of `model`.
    wrapped = DistributedDataParallel(model) if ranks > 1 else model
    for epoch in range(len(history) + 1, settings["EPOCHS"] + 1):
        sampler.set_epoch(epoch)  # or every epoch has the same order
        shares = shares_of_batches(train_dl, len(train_part), batch_size)
        train_acc, train_loss = train(shares, wrapped, loss_fn, optimizer, ranks)
        test_acc, test_loss = test(test_dl, model, loss_fn)
        history.add(train_acc, train_loss, test_acc, test_loss)
        random_states = from_all_ranks(torch.get_rng_state())
        from_rank_0(save_checkpoint, path, model, optimizer, history, settings, random_states)
        print(
            f"Epoch:{epoch:2d}, Train_acc:{train_acc:.1%}, Train_loss:{train_loss:.3f}, "
            f"Test_acc:{test_acc:.1%}, Test_loss:{test_loss:.3f}",
            flush=True,
        )
    from_rank_0(save_run, folder, model, history, settings)
    print("Done", flush=True)
    return history


def check_settings(settings: dict, ranks: int) -> None:
    """Raise ValueError with one sentence if so many ranks cannot train with these settings."""
    check_epochs(settings["EPOCHS"])
    batch_size, size = settings["BATCH_SIZE"], settings["IMAGES"]
    if batch_size < 1 or batch_size % ranks:
        below = batch_size // ranks * ranks
        near = f"{below} or {below + ranks}" if below > 0 else f"{ranks}"
        raise ValueError(f"a batch of {batch_size} cannot be divided among {ranks} ranks: choose {near}, say.")
    if size < ranks:
        raise ValueError(f"expected an image for each of {ranks} ranks at least, found IMAGES = {size}.")


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="mnist_lesson.further.train", description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32, help="of all ranks together (32)")
    parser.add_argument("--learn-rate", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=60_000, help="use the first ones of each set only, to try things")
    parser.add_argument("--float64", action="store_true", help="compute with numbers of twice the size")
    parser.add_argument("--folder", type=Path, default=RUNS_DIR / "12_scale_out", help="where checkpoint and run go")
    parser.add_argument("--resume", action="store_true", help="go on after the last epoch of the checkpoint there")
    parser.add_argument("--wait", type=float, default=120, help="seconds to wait for another rank (120)")
    return parser.parse_args(arguments)


def train_as_asked(options: argparse.Namespace) -> str | None:
    """Train as the command line says; return None, or a sentence that says what went wrong."""
    settings = {
        "EPOCHS": options.epochs,
        "BATCH_SIZE": options.batch_size,
        "LEARN_RATE": options.learn_rate,
        "SEED": options.seed,
        "IMAGES": options.images,
        "DTYPE": "float64" if options.float64 else "float32",
    }
    torch.set_default_dtype(getattr(torch, settings["DTYPE"]))  # of weights and images
    try:
        rank, ranks = join(options.wait)
        warn_if_crowded()
        # After a rank has died, torchrun starts all of them again: then they go on from the checkpoint, if there is one.
        is_restart = any(from_all_ranks(restarts()))
        resume = from_all_ranks(options.resume)[0] or is_restart and from_rank_0((options.folder / CHECKPOINT).is_file)
        # Apple's graphics cards can neither talk to other ranks nor compute in float64.
        device = choose_rank_device() if ranks > 1 or options.float64 else choose_device()
        fit(settings, options.folder, resume, rank, ranks, device)
    except (OSError, ValueError) as error:  # these come in all ranks
        return str(error)
    except RuntimeError as error:
        problem = why_not_together(error, options.wait)
        if problem is None:
            raise
        return problem


def main(arguments: list[str] | None = None) -> int:
    """Train as the command line says, and return the exit status. Of several ranks, only rank 0 prints and saves."""
    options, dtype = read_options(arguments), torch.get_default_dtype()
    is_rank_0, is_first_here = (int(os.environ.get(name, 0)) == 0 for name in ("RANK", "LOCAL_RANK"))
    try:
        with contextlib.redirect_stdout(sys.stdout if is_rank_0 else io.StringIO()):
            problem = train_as_asked(options)
    except KeyboardInterrupt:
        problem = "Stopped: --resume goes on after the last epoch that is printed above."
    finally:
        torch.set_default_dtype(dtype)
        leave()
    if problem and is_first_here:  # each machine says it once
        print(problem, file=sys.stderr, flush=True)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
