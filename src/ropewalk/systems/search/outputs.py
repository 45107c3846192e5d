"""Files for people at the end of a life."""

from __future__ import annotations

from ropewalk.systems.search.config import Config
from ropewalk.types import Outcome


def outputs(outcome: Outcome[Config]) -> None:
    (outcome.folder / "report.txt").write_text(f"{outcome.verdict}\n\n{outcome.report.text}\n")
