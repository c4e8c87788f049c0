"""Start ranks: `torchrun` for all systems, and from a notebook. A part of notebook 12.

    python -m mnist_lesson.further.launch --standalone --nproc-per-node=2 -m mnist_lesson.further.train --epochs 5

does what `torchrun` does with the same words, on Windows too, and says in one sentence what torchrun needs a page for.
"""

import contextlib
import inspect
import logging
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

# The lines that torchrun and PyTorch write for their own developers.
LOG = re.compile(r"(\[rank\d+\]:)?\[?[WEI]\d{3,4} ")

MARK = "MNIST_LESSON_FAMILY"  # a variable of the environment, by which ranks are known even if their parent is dead

PROGRAM = """

if __name__ == "__main__":
    import sys

    from mnist_lesson.further.ranks import join, leave

    sys.stdout.reconfigure(line_buffering=True, write_through=False)  # each line comes at once, and whole
    {name}(*join({limit}))
    leave()
"""


def run_function(function: Callable[[int, int], None], ranks: int = 2, limit: float = 180) -> list[str]:
    """Run `function(rank, ranks)`, defined in a notebook, in several ranks, and print and return their lines.

    A rank is a Python of its own and knows nothing of the notebook: so the text of the function is written into a file,
    and the function must import what it needs. Raises as `run_ranks` does.
    """
    program = textwrap.dedent(inspect.getsource(function)) + PROGRAM.format(name=function.__name__, limit=limit)
    with tempfile.TemporaryDirectory(prefix="mnist_lesson_") as folder:
        path = Path(folder) / f"{function.__name__}.py"
        path.write_text(program, encoding="utf-8")
        return run_ranks(["--standalone", f"--nproc-per-node={ranks}", path], limit=limit)


def run_ranks(*programs: Sequence[str], limit: float = 180, on_line: Callable | None = None) -> list[str]:
    """Run some programs at once, each given as the words that follow `torchrun`, and print and return their lines.

    `on_line(line, processes)` is called for each line. After `limit` seconds, or Ctrl-C, all are ended, and no process
    stays. Raises TimeoutError then.
    """
    mark, lines, found, processes = uuid.uuid4().hex, queue.SimpleQueue(), [], []
    try:
        for words in programs:
            processes.append(start(words, mark))
            threading.Thread(target=pass_on, args=(processes[-1], lines), daemon=True).start()
        end, open_pipes = time.monotonic() + limit, len(processes)
        while open_pipes:
            try:
                line = lines.get(timeout=end - time.monotonic())
            except (queue.Empty, ValueError):  # the second if no time is left, though there are more lines
                raise TimeoutError(f"not finished after {limit:g} seconds: all ranks were ended.") from None
            if line is None:
                open_pipes -= 1
                continue
            found.append(line)
            print(line, flush=True)
            if on_line:
                on_line(line, processes)
        return found
    finally:
        end_family(processes, mark)


def start(words: Sequence[str], mark: str) -> subprocess.Popen:
    """Start this program with some words of the command line; its output goes into a pipe."""
    command = [sys.executable, "-m", "mnist_lesson.further.launch", *map(str, words)]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, MARK: mark, "PYTHONUTF8": "1"},
        # Ctrl-C is ours alone, and what torchrun sends to its ranks is theirs. Windows needs another console for that.
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def pass_on(process: subprocess.Popen, lines: queue.SimpleQueue) -> None:
    """Put each line of a program's output into the queue, without the log of PyTorch, and None at its end."""
    with process.stdout:
        for line in process.stdout:
            if not LOG.match(line):
                lines.put(line.rstrip())
    lines.put(None)


def end_family(processes: Sequence[subprocess.Popen], mark: str) -> None:
    """End some programs and all that they have started, and return when they are gone."""
    while family := [process for process in psutil.process_iter() if is_marked(process, mark)]:
        for member in family:
            with contextlib.suppress(psutil.Error):
                member.kill()
        psutil.wait_procs(family, timeout=5)
    for process in processes:
        process.wait()


def is_marked(process: psutil.Process, mark: str) -> bool:
    """Tell whether a process runs that one with this mark has started."""
    try:
        return process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):  # it has just ended, or is somebody else's
        return False


def main() -> int:
    """Do as torchrun does, and return the exit status."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # torchrun's own choice for several ranks, without its warning
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")  # what PyTorch raises says the same without pages
    # A new store for ranks that are started again; in the old one are the addresses of the dead. Source: pytorch/pytorch
    # issue 135712.
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError

    from mnist_lesson.further.ranks import use_store_of_this_system, why_not_together

    use_store_of_this_system()
    logging.disable()  # what goes wrong is said below
    try:
        run.main()
        return 0
    except ChildFailedError as error:
        for rank, failure in error.failures.items():
            if failure.exitcode < 0:  # the others have said why
                ended = f"rank {rank} was ended by {signal.Signals(-failure.exitcode).name}"
                print(f"{ended}: if nobody did that, see whether memory ran out.", file=sys.stderr)
        return 1
    except (SignalException, KeyboardInterrupt):
        return 130
    except RendezvousError as error:
        problem = f"the machines did not come together ({type(error).__name__})"
        print(f"{problem}: start the same command on each, and first on the one at --rdzv-endpoint.", file=sys.stderr)
        return 1
    except RuntimeError as error:
        problem = why_not_together(error, 600)  # so many seconds torchrun waits
        if problem is None:
            raise
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
