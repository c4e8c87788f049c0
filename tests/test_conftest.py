"""conftest.py: the comparison of stored outputs lets rounding pass, and nothing else."""

import pytest

from conftest import is_close_text


@pytest.mark.parametrize(
    "new, old, trained, equal",
    [
        ("Test_acc:97.9%, Test_loss:0.065", "Test_acc:98.0%, Test_loss:0.063", True, True),
        ("Test_acc:95.0%", "Test_acc:98.0%", True, False),
        ("Test_loss:0.163", "Test_loss:0.063", True, False),
        ("Epoch: 2, loss 0.1", "Epoch: 1, loss 0.1", True, False),
        ("accuracy 98.0%", "loss 98.0%", True, False),
        ("97.9", "97.9%", True, False),
        ("nan", "0.1", True, False),
        ("(10000, 10)", "(1000, 10)", True, False),
        ("2.2970", "2.2971", False, True),
        ("2.29", "2.31", False, False),
        ("1.0 2.0", "1.0", False, False),
        ("-0.086", "0.086", False, False),
    ],
)
def test_what_counts_as_equal(new, old, trained, equal):
    assert is_close_text(new, old, trained) == equal
