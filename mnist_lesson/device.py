"""Choose a device and describe the machine: the helpers of notebook 01."""

import os
import platform
from importlib import metadata

import torch


def choose_device() -> torch.device:
    """Return the accelerator of this machine, `cuda` (NVIDIA, AMD), `mps` (Apple), `xpu` (Intel), or else the CPU."""
    if torch.accelerator.is_available():
        device = torch.accelerator.current_accelerator()
        try:
            torch.zeros(1, device=device)
            return device
        except RuntimeError as error:  # an old driver, or a card that others have filled
            reason = str(error).splitlines()[0]
            print(f"There is an accelerator, {device}, but it cannot be used ({reason}): the CPU does the work.")
    return torch.device("cpu")


def environment() -> dict[str, str]:
    """Return what someone who helps you must know about your machine, as name -> value."""
    return {
        "operating system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "Python": platform.python_version(),
        "PyTorch": torch.__version__,
        "torchvision": metadata.version("torchvision"),
        "PyTorch build": _build(),
        "accelerator": _accelerator_name(),
        "CPU cores": str(os.cpu_count()),
        "PyTorch threads": str(torch.get_num_threads()),
    }


def environment_table() -> str:
    """Return `environment()` as text in two columns, ready to paste into a question."""
    rows = environment()
    width = max(len(name) for name in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def _build() -> str:
    """Say for which hardware the installed PyTorch was built."""
    built_for = {"CUDA": torch.version.cuda, "ROCm": torch.version.hip, "XPU": getattr(torch.version, "xpu", None)}
    for name, version in built_for.items():
        if version:
            return f"{name} {version}"
    return "MPS" if torch.backends.mps.is_built() else "CPU only"


def _accelerator_name() -> str:
    """Name the accelerator, or say that there is none."""
    device = choose_device()
    if device.type == "cpu":
        return "none, the CPU does the work"
    name = getattr(torch.get_device_module(device), "get_device_name", None)  # Apple's chips have none
    return f"{device.type}: {name()}" if name else device.type
