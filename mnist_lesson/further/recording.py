"""Let an NVIDIA GPU repeat a training step without Python: for notebook 09.

One step of the small network is some hundreds of little operations, and a GPU does each in a few microseconds. Python
needs longer than that to ask for one, so the GPU waits for Python. But all that was asked for in one step can be
recorded (PyTorch calls this a CUDA graph), and the GPU does it again at one word.

Source: "CUDA graphs" in PyTorch's notes on CUDA. `scripts/measure/measure_gpu.py` measures what it brings.
"""

from collections.abc import Callable

import torch

WARM_UP = 3  # steps before the recording: in the first ones, PyTorch's libraries choose their ways and take memory


def recorded(step: Callable[[torch.Tensor], None], batch_size: int) -> Callable[[torch.Tensor], None]:
    """Return a function that does the same as `step(batch)`, but a CUDA GPU repeats it from a recording.

    `batch`, (batch_size,), is a tensor on the GPU. The first WARM_UP batches, and those of another size, are done by
    `step` itself. In a recording all numbers of Python stay as they were: what changes from step to step, such as the
    learning rate, must lie in a tensor on the GPU. But random numbers are drawn anew at each repetition.
    Nothing in `step` may wait for the GPU, as .item() does.
    """
    recording, place = torch.cuda.CUDAGraph(), None
    beside, first_steps = torch.cuda.Stream(), iter(range(WARM_UP))

    def repeat(batch: torch.Tensor) -> None:
        nonlocal place
        if len(batch) != batch_size:
            step(batch)
        elif next(first_steps, None) is not None:
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):  # recordings want their first steps there
                step(batch)
            torch.cuda.current_stream().wait_stream(beside)
        else:
            if place is None:
                place = batch.clone()  # where each repetition looks for its batch
                with torch.cuda.graph(recording):
                    step(place)  # is recorded, not done
            place.copy_(batch)
            recording.replay()

    return repeat
