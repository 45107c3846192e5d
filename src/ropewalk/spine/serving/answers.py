"""A model's answers as rows that JSON can carry."""

from __future__ import annotations

from typing import Any

from ropewalk.errors import ConfigError, StageError
from ropewalk.spine.serving.requests import RESERVED
from ropewalk.types import Columns, Contract


class Answers:
    """The answers' contract: which columns a model must give, in which order they are shown."""

    def __init__(self, contract: Contract) -> None:
        if taken := [name for name in contract.names if name in RESERVED]:
            raise ConfigError([f"the answer {taken[0]!r} has a name that the service needs; rename it"], "the contract")
        self.contract = contract
        self.names = contract.names

    def check(self, columns: Columns, count: int) -> None:
        """StageError when the model broke its promise of every column, with a value for each row."""
        for name in self.names:
            if name not in columns:
                raise StageError(f"the model gave no column {name!r}; it gave {', '.join(columns)}")
            if len(columns[name]) != count:
                raise StageError(f"the model gave {len(columns[name])} values of {name!r} for {count} rows")

    def rows(self, columns: Columns, count: int) -> list[dict[str, Any]]:
        """One mapping a row."""
        self.check(columns, count)
        values = [columns[name].tolist() for name in self.names]
        return [dict(zip(self.names, row, strict=True)) for row in zip(*values, strict=True)]
