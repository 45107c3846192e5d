"""A function a verb: options in, the verb called, its answer printed, the exit code out."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ropewalk.cli.output import configured, put
from ropewalk.errors import RopewalkError


def _data(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    dataset = api.data(options.system, **configured(options))
    put(options, printing.dataset_body(dataset), printing.dataset(dataset))
    return 0


def _plan(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    plan = api.plan(options.system, options.deadline, **configured(options))
    put(options, printing.body(plan), printing.plan(plan))
    return 0


def _train(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    run = api.train(options.system, options.start, **configured(options))
    put(options, printing.body(run), printing.run(run))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    report = api.evaluate(options.system, **configured(options))
    put(options, printing.report_body(report), printing.report(report))
    return 0


def _register(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    release = api.register(options.system, options.run, options.choice, **configured(options))
    put(options, printing.body(release), printing.release(release))
    return 0


def _promote(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    release = api.promote(options.system, _version("--to", options.version), **configured(options))
    put(options, printing.body(release), printing.release(release))
    return 0


def _rollback(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    release = api.rollback(options.system, _version("--from", options.version), **configured(options))
    put(options, printing.body(release), printing.release(release))
    return 0


def _version(flag: str, text: str | None) -> int | None:
    if text is not None and not text.lstrip("v").isdigit():
        raise RopewalkError(f"{flag} {text}: a version is a whole number, as `ropewalk runs` shows it")
    return int(text.lstrip("v")) if text else None


def _predict(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    summary = api.predict(
        options.system, options.source, options.target, options.release, options.on_bad_rows, **configured(options)
    )
    put(options, printing.body(summary), printing.summary(summary))
    return 0


def _serve(options: argparse.Namespace) -> int:
    from ropewalk import api

    def ready(url: str) -> None:
        if options.json:
            put(options, {"url": url, "pid": os.getpid()}, "")

    where = (options.host, options.port, options.api_key, options.ready_file)
    return api.serve(options.system, *where, on_ready=ready, **configured(options))


def _truths(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    joined = api.truths(options.system, options.source, **configured(options))
    text = printing.counts(joined.counts)
    if len(joined.releases) > 1:
        text += "\n\n" + printing.table(
            [{"release": name, **_worded(found)} for name, found in joined.releases.items()]
        )
    put(options, {**joined.counts, "releases": joined.releases}, text)
    return 0


def _worded(counts: Mapping[str, int]) -> dict[str, int]:
    return {name.replace("_", " "): value for name, value in counts.items()}


def _monitor(options: argparse.Namespace) -> int:
    from ropewalk import api, catalogue, printing
    from ropewalk.spine.monitoring.findings import exit_code

    system = catalogue.find(options.system)
    page = options.page or Path("out") / system.name / "monitor.html"
    findings = api.monitor(system, page, **configured(options))
    put(options, printing.findings_body(findings), printing.findings(findings) + f"\n{page}")
    return int(exit_code(findings))


def _live(options: argparse.Namespace) -> int:
    from ropewalk import api, catalogue, printing

    life = api.live(options.system, options.out, **configured(options))
    text = printing.life(life, _again(options))
    for name in catalogue.find(options.system).commands:
        text += f"\n  ropewalk {_again(options, name)}"
    put(options, printing.life_body(life), text)
    return 0


def _again(options: argparse.Namespace, *command: str) -> str:
    """The words that name this system, a command of it, and the store again."""
    import shlex

    words = [options.system, *command]
    for flag in ("store", "index"):
        if getattr(options, flag):
            words += [f"--{flag}", getattr(options, flag)]
    return shlex.join(words)


def _systems(options: argparse.Namespace) -> int:
    from ropewalk import catalogue

    found = catalogue.describe()
    width = max((len(n) for n in found), default=0)
    put(options, found, "\n".join(f"{name:{width}}  {about}" for name, about in found.items()))
    return 0


def _runs(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    rows = api.runs(options.system, options.limit, options.store, options.index)
    none = "no runs yet: `ropewalk live inventory --small` makes the first"
    put(options, rows, printing.table(rows) if rows else none)
    return 0


def _show(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    found = api.show(options.what, options.store, options.index)
    put(options, found, printing.shown(found))
    return 0


def _gc(options: argparse.Namespace) -> int:
    from ropewalk import api, printing

    report = api.gc(options.dry_run, options.forget_days, options.store, options.index)
    put(options, printing.body(report), str(report))
    return 0


HANDLERS: dict[str, Callable[[argparse.Namespace], int]] = {
    "data": _data, "plan": _plan, "train": _train, "evaluate": _evaluate, "register": _register, "promote": _promote,
    "rollback": _rollback, "predict": _predict, "serve": _serve, "truths": _truths, "monitor": _monitor, "live": _live,
    "systems": _systems, "runs": _runs, "show": _show, "gc": _gc,
}  # fmt: skip
