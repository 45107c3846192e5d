"""A system's command: its arguments become a parser."""

from typing import Annotated

import pytest

from ropewalk.cli import command_parser
from ropewalk.errors import RopewalkError
from ropewalk.types import Desk


def find(
    desk: Desk,
    query: Annotated[str, "what to look for", "WORDS"],
    where: Annotated[str, "a second one, by place too"] = "all",
    *,
    top: Annotated[int, "how many", "N"] = 10,
) -> int:
    """Finds something."""
    return 0


def test_arguments_before_the_star_are_given_by_place():
    parser = command_parser("toy", "find", find)
    given = parser.parse_args(["red shoes", "here", "--top", "3"])
    assert (given.query, given.where, given.top) == ("red shoes", "here", 3)
    assert parser.parse_args(["red shoes"]).where == "all"
    assert "WORDS" in parser.format_help()


def test_one_that_is_left_out_is_named():
    with pytest.raises(RopewalkError, match="WORDS"):
        command_parser("toy", "find", find).parse_args([])
