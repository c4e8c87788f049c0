"""mnist_lesson.device: the device is one that computes, and the table is complete."""

import platform
import subprocess
import sys

import pytest
import torch

from mnist_lesson.device import choose_device, environment, environment_table


def test_the_chosen_device_computes():
    assert torch.ones(3, device=choose_device()).sum().item() == 3


def test_without_accelerator_it_is_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert choose_device() == torch.device("cpu")
    assert environment()["accelerator"] == "none, the CPU does the work"


def test_an_accelerator_that_does_not_work_is_not_chosen(monkeypatch, capsys):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))

    def no_driver(*size, device):
        raise RuntimeError("the driver is too old\nand more")

    monkeypatch.setattr(torch, "zeros", no_driver)
    assert choose_device() == torch.device("cpu")
    assert "cannot be used (the driver is too old): the CPU does the work" in capsys.readouterr().out


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="needs an accelerator")
def test_with_accelerator_it_is_that():
    assert choose_device().type == torch.accelerator.current_accelerator().type
    assert environment()["accelerator"].startswith(choose_device().type)


def test_environment():
    values = environment()
    assert values["Python"] == platform.python_version()
    assert values["PyTorch"] == torch.__version__
    assert all(isinstance(value, str) and value for value in values.values())


def test_the_table_has_a_line_for_each():
    lines = environment_table().splitlines()
    assert [line.split("  ")[0].strip() for line in lines] == list(environment())


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, mnist_lesson; sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'matplotlib')))"
    assert subprocess.call([sys.executable, "-c", code]) == 0
