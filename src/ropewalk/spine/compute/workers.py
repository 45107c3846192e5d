"""Who does the work of `Job.map`: this process, processes beside it, or Ray, here or on a cluster. They change nothing but the time.

    4                       processes of this machine (1: none but this one)
    ray                     what `ray.init()` finds: $RAY_ADDRESS, a cluster that runs here, else Ray started on this machine
    ray:8                   Ray started on this machine, with 8 tasks at once
    ray:auto, ray:HOST:6379 a cluster, by an address as Ray names it
    ray://HOST:10001        a cluster, through Ray's client

Tasks and results travel as bytes (travel.py). A Ray that is connected already is used as it is, and stays.

To a cluster go the sources of ropewalk and of the function's package, and with each task a system that is one file. Python and
Ray of the same versions, the libraries and the keys of the storage are the nodes' own.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from types import ModuleType
from typing import Any, Literal

from ropewalk.errors import ConfigError, MissingError, RopewalkError, StageError
from ropewalk.spine.compute.travel import Task, home, importable, pack, unpack, work

AHEAD = 4  # tasks that are handed out for each worker: none waits for us, and a million items are not a million futures
RETRIES = 5  # deaths of its worker or node that a task survives on Ray
SAME = (  # settings of libraries that may change the last bit of a result, or how long a store is waited for
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "NPROC", "XLA_FLAGS",
    "JAX_PLATFORMS", "JAX_ENABLE_X64", "ROPEWALK_RETRY_S", "ROPEWALK_TIMEOUT_S",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Workers:
    """`count` at once (None: as many as there are); `address` only of Ray: None is what `ray.init()` finds."""

    kind: Literal["processes", "ray"]
    count: int | None = None
    address: str | None = None


def workers_of(given: int | str | Workers) -> Workers:
    """What `--workers` or `workers=` says. ConfigError when it says nothing that there is."""
    text = str(given).strip()
    if isinstance(given, Workers):
        return given
    if text.isdecimal() and int(text) > 0:
        return Workers("processes", int(text))
    if text.startswith("ray://") and len(text) > 6:
        return Workers("ray", address=text)
    kind, colon, rest = text.partition(":")
    if kind == "ray" and not (colon and not rest) and not rest.startswith("/"):
        if rest.isdecimal() and int(rest) > 0:
            return Workers("ray", int(rest), "local")
        if rest in ("", "auto", "local") or _is_host(rest):
            return Workers("ray", address=rest or None)
    raise ConfigError(
        [f"{text!r} is neither a number of processes (1 or more) nor Ray: ray, ray:8, ray:auto, ray:HOST:PORT, ray://HOST:PORT."],
        "workers",
    )  # fmt: skip


def _is_host(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdecimal()


def run(workers: Workers, tasks: Iterable[Task], note: Callable[[str], None]) -> Iterator[tuple[int, Any]]:
    """(index, result) of every task, as they are done. The first error that is seen is raised, and ends the other tasks.

    All tasks are of one function. A task is taken when there is room for it."""
    left = iter(tasks)
    first = list(islice(left, 2))
    if workers.kind == "ray" and first:
        yield from _on_ray(workers, first[0][0], chain(first, left), note)
    elif workers.count == 1 or len(first) < 2:
        yield from ((i, function(item, seed)) for i, (function, item, seed) in enumerate(chain(first, left)))
    else:
        yield from _on_processes(workers.count or 1, chain(first, left))


def _windowed(
    tasks: Iterable[Task],
    submit: Callable[[Task], Any],
    finished: Callable[[list[Any]], Iterable[tuple[Any, bytes]]],
    window: Callable[[], int],
    stop: Callable[[list[Any]], None],
) -> Iterator[tuple[int, Any]]:
    """Keep `window()` tasks handed out. `finished` waits for one at least; `stop` ends those that nobody wants any more."""
    left = iter(enumerate(tasks))
    out: dict[Any, int] = {}
    try:
        while True:
            for index, task in islice(left, max(0, window() - len(out))):
                out[submit(task)] = index
            if not out:
                return
            done = sorted((out.pop(ref), data) for ref, data in finished(list(out)))
            yield from ((index, unpack(data)) for index, data in done)
    except BaseException:
        stop(list(out))
        raise


# --- processes ---------------------------------------------------------------------------------------------------------


def _on_processes(count: int, tasks: Iterable[Task]) -> Iterator[tuple[int, Any]]:
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool

    def finished(futures: list[Future[bytes]]) -> list[tuple[Any, bytes]]:
        return [(future, future.result()) for future in wait(futures, return_when=FIRST_COMPLETED).done]

    def stop(_: list[Future[bytes]]) -> None:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)

    # Spawned, not forked: JAX and Polars hold threads, and a forked thread pool hangs. Ctrl-C is the parent's to handle.
    context = multiprocessing.get_context("spawn")
    ignore = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(count, mp_context=context, initializer=signal.signal, initargs=ignore) as pool:
        try:
            yield from _windowed(
                tasks, lambda task: pool.submit(work, pack(task)), finished, lambda: AHEAD * count, stop
            )
        except BrokenProcessPool:
            raise StageError(
                f"one of {count} processes died without an error, as when the machine has not enough memory. "
                "Try fewer --workers; what was finished before is kept."
            ) from None


# --- Ray ---------------------------------------------------------------------------------------------------------------


def work_on_ray(packed: bytes) -> bytes:
    from ray import cloudpickle

    return work(packed, cloudpickle.dumps)


def _on_ray(
    workers: Workers, function: Any, tasks: Iterable[Task], note: Callable[[str], None]
) -> Iterator[tuple[int, Any]]:
    used = {_sources(home(function)), _sources(sys.modules["ropewalk"])}
    ray = _connected(workers, {path for path in used if path is not None}, note)
    remote = ray.remote(work_on_ray).options(max_retries=RETRIES, num_cpus=1)

    def finished(refs: list[Any]) -> list[tuple[Any, bytes]]:
        ray.wait(refs, num_returns=1)
        done = ray.wait(refs, num_returns=len(refs), timeout=0)[0]
        return list(zip(done, ray.get(done), strict=True))

    def stop(refs: list[Any]) -> None:
        for ref in refs:
            with contextlib.suppress(Exception):
                ray.cancel(ref, force=True)

    try:
        yield from _windowed(
            tasks, lambda task: remote.remote(pack(task, ray.cloudpickle.dumps)), finished, _room(ray), stop
        )
    except ray.exceptions.RayError as error:
        raise StageError(
            f"Ray gave a task up: {type(error).__name__}: {_short(error)} (It is tried again {RETRIES} times when its worker or node dies.)"
        ) from error  # fmt: skip


def _room(ray: Any) -> Callable[[], int]:
    """How many tasks may be out: more when the cluster has grown."""
    seen, room = 0.0, 0

    def window() -> int:
        nonlocal seen, room
        if time.monotonic() > seen + 5 or not room:
            seen, room = time.monotonic(), AHEAD * max(4, int(ray.cluster_resources().get("CPU", 0)))
        return room

    return window


_ours: tuple[Workers, set[str]] | None = None  # what we connected to, and the sources that were sent there


def _connected(workers: Workers, sources: set[str], note: Callable[[str], None]) -> Any:
    """The module ray, connected; again when another cluster is wanted, or sources that it does not have."""
    global _ours
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError:
        raise MissingError("module", "ray", hint="Run: pip install 'ropewalk[ray]'") from None
    if _ours is not None and (not ray.is_initialized() or _ours[0] != workers or not sources <= _ours[1]):
        sources = sources | (_ours[1] if _ours[0] == workers else set())
        release()
    if not ray.is_initialized():
        _connect(ray, workers, sources)
        _ours = (workers, sources)
        nodes, tasks = sum(node["Alive"] for node in ray.nodes()), ray.cluster_resources().get("CPU", 0)
        note(f"Ray ({workers.address or 'as it was found'}): {tasks:.0f} tasks at once; living nodes: {nodes}")
    return ray


def _connect(ray: Any, workers: Workers, sources: set[str]) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "120")  # 30 are too few on a machine that is busy
    options: dict[str, Any] = {"address": workers.address, "log_to_driver": False, "logging_level": "ERROR"}
    if workers.address == "local":
        options |= {"num_cpus": workers.count, "include_dashboard": False}
    elif "RAY_JOB_CONFIG_JSON_ENV_VAR" not in os.environ:  # `ray job submit` has said what the job runs in
        env = {name: os.environ[name] for name in SAME if name in os.environ}
        options["runtime_env"] = {"py_modules": sorted(sources), "excludes": ["__pycache__"], "env_vars": env}
    where = os.environ.get("RAY_ADDRESS") if workers.address in (None, "auto") else workers.address
    try:
        _knock(where or "")
        _tell_on_stderr()
        with _as_it_was():
            ray.init(**options)
    except Exception as error:
        ray.shutdown()
        if "ray[client]" in str(error) or isinstance(error, ImportError):
            raise MissingError("module", "grpcio", hint="Run: pip install 'ropewalk[ray]'") from error
        raise RopewalkError(
            f"Ray at {where or workers.address or 'no address'} cannot be used: {type(error).__name__}: {_short(error)} "
            "A cluster is started with `ray start --head`, and has this version of Python and of Ray; ray:4 starts one here."
        ) from error  # fmt: skip


def _tell_on_stderr() -> None:
    """What became of workers and nodes Ray tells on stdout, whatever it is asked; there a result stands alone (--json)."""
    inside = importlib.import_module("ray._private.worker")
    tell = getattr(inside, "print_to_stdstream", None)
    if tell is not None and tell.__module__ == inside.__name__:
        told = lambda data, *more, **named: tell({**data, "is_err": True}, *more, **named)  # noqa: E731
        told.__module__ = __name__
        inside.print_to_stdstream = told  # type: ignore[attr-defined]


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """Tasks on this machine begin with this environment, so inside it names all that this process can import. Ray takes
    SIGTERM for itself: it is given back."""
    before, handler = os.environ.get("PYTHONPATH"), signal.getsignal(signal.SIGTERM)
    os.environ["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _knock(address: str) -> None:
    """OSError when nobody listens there: Ray itself would wait for minutes."""
    host, _, port = address.partition("://")[2 if "://" in address else 0].rstrip("/").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()


def release() -> None:
    """Leave, or end, the Ray that was connected for `run`. One that was there before stays."""
    global _ours
    if _ours is not None:
        sys.modules["ray"].shutdown()
        _ours = None


def _sources(module: ModuleType | None) -> str | None:
    """The folder or file of a module's top package, if it can be imported by name and so be found again."""
    top = sys.modules.get(module.__name__.partition(".")[0]) if module is not None else None
    if top is None or top.__name__ == "__main__" or not importable(top):
        return None
    return next(iter(getattr(top, "__path__", ())), None) or top.__file__


def _short(error: Exception) -> str:
    """The sentence of an error of Ray's, whose text is a page."""
    cause = getattr(error, "cause", None)
    text = " ".join(str(cause if cause is not None else error).split())
    return text[:400] + ("..." if len(text) > 400 else "")
