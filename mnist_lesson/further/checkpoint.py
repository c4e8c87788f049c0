"""Save a training in the middle, so that it can go on later as if nothing had happened: a part of notebook 12."""

import io
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn as nn
from torch.optim import Optimizer

from mnist_lesson.files import write_whole
from mnist_lesson.results import History


def save_checkpoint(
    path: Path, model: nn.Module, optimizer: Optimizer, history: History, settings: dict, random_states: list
) -> None:
    """Write all that the next epoch depends on, as a whole or not at all.

    `random_states` holds the state of PyTorch's random numbers in each rank. Raises OSError if nothing can be written.
    """
    content = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": asdict(history),
        "settings": settings,
        "random_states": random_states,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_whole(path, buffer.getvalue())


def load_checkpoint(path: Path, model: nn.Module, settings: dict, ranks: int) -> dict:
    """Return what `save_checkpoint` wrote, if it is from the same training: same network, settings, number of ranks.

    Only EPOCHS may differ.
    Raises FileNotFoundError if there is none, and ValueError if it is damaged or from another training.
    """
    anew = "start anew, without --resume"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, so there is nothing to resume: {anew}.")
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
        shapes = {name: tensor.shape for name, tensor in content["model"].items()}
        made_with, made_by = content["settings"], len(content["random_states"])
        epochs = len(History(**content["history"]))
    except Exception as error:  # what is wrong with a file that is no checkpoint, PyTorch says in many ways
        raise ValueError(f"{path} is damaged or no checkpoint ({type(error).__name__}): {anew}.") from error
    if shapes != {name: tensor.shape for name, tensor in model.state_dict().items()}:
        raise ValueError(f"{path} is from a network with other layers than {type(model).__name__}: {anew}.")
    if made_by != ranks:
        same = f"start {made_by} ranks, or {anew}"
        raise ValueError(f"{path} was made by {made_by} ranks, and now there are {ranks}: {same}.")
    for name, value in settings.items():
        if name != "EPOCHS" and made_with.get(name) != value:
            found = f"made with {name} = {made_with.get(name)}, and now it is {value}"
            raise ValueError(f"{path} was {found}: use the same setting, or {anew}.")
    if epochs > settings["EPOCHS"]:
        found = f"has {epochs} epochs already, and EPOCHS is {settings['EPOCHS']}"
        raise ValueError(f"{path} {found}: choose more epochs, or {anew}.")
    return content


def go_on(content: dict, model: nn.Module, optimizer: Optimizer, rank: int) -> History:
    """Put the model, the optimizer and the random numbers of this rank into the state of the checkpoint."""
    model.load_state_dict(content["model"])
    optimizer.load_state_dict(content["optimizer"])
    torch.set_rng_state(content["random_states"][rank])
    return History(**content["history"])


def prepare_folder(path: Path, resume: bool) -> None:
    """Make the folder of a checkpoint, and remove what an earlier training has left there, but with `resume` not itself.

    A program that was killed leaves half-written files. Raises OSError if nothing can be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in (path.name, "weights.pt", "run.json"):
            for part in path.parent.glob(f"{name}.*.part"):
                part.unlink(missing_ok=True)
        if not resume:
            path.unlink(missing_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()  # to know it now, and not after the first epoch
    except OSError as error:
        problem = f"{path.parent} cannot be written to ({error.strerror})"
        raise OSError(f"{problem}: choose another folder with --folder.") from error
