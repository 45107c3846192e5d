"""Processes that die when a test says so, cheap enough for hundreds of deaths.

One process imports everything once and then forks a child a command: a real process with a real `kill -9`, without the
second that imports take. Three ways to die:

    after_s     by a signal from outside, so many seconds after the fork
    at          by its own hand right before the n-th step that leaves a trace: a file opened for writing, written, flushed,
                linked, renamed or removed, a folder made, a statement of SQLite (so every place where a write can be cut
                off is reached, and the same place again when a test is repeated)
    call, nth   right before the n-th call of a function, named `module:Class.method`

Started as a program this file is that process: a line of JSON a command on stdin, a line of JSON an answer on stdout.
"""

import contextlib
import itertools
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

LEAVES_A_TRACE = {"os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.symlink"}
HEAVY = (
    "ropewalk.api", "ropewalk.cli", "ropewalk.lifecycle.life", "ropewalk.lifecycle.answers", "ropewalk.printing",
    "ropewalk.spine.serving.batch", "ropewalk.spine.serving.server", "ropewalk.spine.serving.pages",
    "ropewalk.spine.monitoring.checks", "ropewalk.spine.monitoring.page", "ropewalk.spine.monitoring.findings",
    "ropewalk.spine.labels.truths", "ropewalk.spine.data.sources", "ropewalk.store.gc",
    "polars", "numpy", "pydantic", "yaml", "sqlite3", "uvicorn", "uvloop", "httptools", "http.client", "difflib", "shutil",
    "tempfile", "textwrap", "importlib.metadata",
)  # fmt: skip


@dataclass(frozen=True)
class Done:
    """How a child ended. `code` is negative when a signal ended it. `places`, of a child that came to its end: where in our
    code each step that leaves a trace was made, in order."""

    code: int
    out: str
    err: str
    seconds: float
    cpu_seconds: float
    places: tuple[str, ...]


class Forks:
    """The process that forks. A context manager; its children may run side by side, and are waited for one by one."""

    def __init__(self, folder, *systems, modules=(), env=None):
        self.folder = Path(folder)
        self._numbers, self._said = itertools.count(), {}
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps([*HEAVY, *modules]), json.dumps(systems)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
        )  # fmt: skip
        self._read()  # everything is imported

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the forking process ended with {self._process.wait()}")
        return json.loads(line)

    def _ask(self, body):
        self._process.stdin.write(json.dumps(body) + "\n")
        self._process.stdin.flush()
        return self._read()

    def start(self, *arguments, cwd, env=None, at=None, call=None, nth=1, by=signal.SIGKILL, file_bytes=None):
        """Run `ropewalk ARGUMENTS` in `cwd`; the child's pid. It dies at step `at`, or gets the signal `by` when
        it makes the `nth` call of `call`. `file_bytes`: no file may grow larger."""
        number = next(self._numbers)
        said = [str(self.folder / f".said-{number}-{name}") for name in ("out", "err", "steps")]
        body = {"cwd": str(cwd), "env": env or {}, "at": at, "call": call, "nth": nth, "by": by, "said": said}
        body["file_bytes"] = file_bytes
        pid = self._ask({"do": "start", "arguments": [str(a) for a in arguments], **body})["pid"]
        self._said[pid] = [Path(name) for name in said]
        return pid

    def wait(self, pid, after_s=None):
        """How it ended; killed if it has not after so many seconds."""
        end = self._ask({"do": "wait", "pid": pid, "after_s": after_s})
        said = self._said.pop(pid)
        out, err, places = (path.read_text(errors="replace") if path.exists() else "" for path in said)
        for path in said:
            path.unlink(missing_ok=True)
        return Done(end["code"], out, err, end["seconds"], end["cpu_seconds"], tuple(places.splitlines()))

    def run(self, *arguments, cwd, after_s=None, **how):
        return self.wait(self.start(*arguments, cwd=cwd, **how), after_s)


# -- the process --


def _serve(modules, systems):
    import gc
    import importlib

    for name in modules:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    from ropewalk import catalogue

    for name in systems:
        catalogue.find(name)
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    begun = {}
    _answer(answers, {})
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "start":
            pid = os.fork()
            if pid == 0:
                _child(command)
            begun[pid] = time.monotonic()
            _answer(answers, {"pid": pid})
        else:
            _answer(answers, _end(command["pid"], begun.pop(command["pid"]), command["after_s"]))


def _answer(answers, body):
    answers.write(json.dumps(body) + "\n")
    answers.flush()


def _end(pid, begun, after_s):
    descriptor = os.pidfd_open(pid)
    try:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        left = None if after_s is None else max(0.0, begun + after_s - time.monotonic()) * 1000
        if not waiting.poll(left):
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(descriptor)
    _, status, used = os.wait4(pid, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.monotonic() - begun,
        "cpu_seconds": used.ru_utime + used.ru_stime,
    }


def _child(command):
    """Never returns."""
    code = 99
    try:
        out, err, counted = command["said"]
        for name, number in ((os.devnull, 0), (out, 1), (err, 2)):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        os.chdir(command["cwd"])
        # A suite that runs in the background ignores Ctrl-C and hands that down; a user's shell does not.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.update(command["env"])
        places = []
        _count_steps(places, command["at"])
        if command["call"]:
            _signal_at_call(command["call"], command["nth"], command["by"])
        if command["file_bytes"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (command["file_bytes"], resource.RLIM_INFINITY))
        from ropewalk.cli import main

        code = main(command["arguments"])
        if command["file_bytes"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        Path(counted).write_text("\n".join(places))
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _place():
    """Where in our code we are: the two innermost lines outside of the store, and the innermost function inside."""
    frame, inside, lines = sys._getframe(2), "", []
    while frame is not None and len(lines) < 2:
        file = frame.f_code.co_filename
        if "/ropewalk/store/" in file:
            inside = inside or frame.f_code.co_name
        elif "/ropewalk/" in file:
            lines.append(f"{file.rpartition('/')[2]}:{frame.f_lineno}")
        frame = frame.f_back
    return " ".join([*lines, inside])


def _count_steps(places, at):
    """Note what leaves a trace, and die right before step `at` of it."""
    from ropewalk.store import blobs, index

    def step(*_):
        places.append(_place())
        if len(places) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def heard(event, arguments):
        if event in LEAVES_A_TRACE or (event == "open" and _for_writing(arguments)):
            step()

    def before(function):
        def wrapped(*arguments, **named):
            step()
            return function(*arguments, **named)

        return wrapped

    sys.addaudithook(heard)
    os.write, os.fsync = before(os.write), before(os.fsync)

    class Halves:
        """A raw file that is written in two steps, so that a death can leave half."""

        def __init__(self, file):
            self._file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

        def fileno(self):
            return self._file.fileno()

        def write(self, data):
            step()
            return self._file.write(data[: (len(data) + 1) // 2])

    whole = os.fdopen

    def fdopen(*arguments, **named):
        file = whole(*arguments, **named)
        caller = sys._getframe(1).f_globals.get("__name__")
        return Halves(file) if caller == blobs.__name__ else file

    os.fdopen = fdopen
    opened = index.Sqlite._open

    def watched(self):
        connection = opened(self)
        connection.set_trace_callback(step)
        return connection

    index.Sqlite._open = watched


def _for_writing(arguments):
    path, mode, flags = (*arguments, None, None, None)[:3]
    if isinstance(path, str) and path.startswith("/dev/"):
        return False
    return bool(isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or bool(
        isinstance(mode, str) and set(mode) & set("wax+")
    )


def _signal_at_call(name, nth, by):
    import importlib

    module, _, path = name.partition(":")
    *owners, last = path.split(".")
    owner = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    function, counter = getattr(owner, last), itertools.count(1)

    def wrapped(*arguments, **named):
        if next(counter) == nth:
            os.kill(os.getpid(), by)
        return function(*arguments, **named)

    setattr(owner, last, wrapped)


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]), json.loads(sys.argv[2]))
