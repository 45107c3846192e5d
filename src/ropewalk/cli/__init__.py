"""The verbs in the shell. Results go to stdout, for people or (--json) for programs; progress goes to stderr.

Exit codes: 0 done; 2 something a person can mend; 3 the storage; 4 a stage failed; 5 the gate refused;
10 / 20 monitor found warnings / errors; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from ropewalk.cli.options import VERBS, WITHOUT_SYSTEM, help_with_settings, parser
from ropewalk.cli.own import command_parser, system_command
from ropewalk.errors import RopewalkError

__all__ = ["VERBS", "command_parser", "main", "parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code; a user's mistake is a sentence on stderr, never a traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(arguments)
    except RopewalkError as error:
        _complain(str(error), "--json" in arguments, type(error).__name__, error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        verb = bool(arguments) and arguments[0] in VERBS
        kept = "what was finished is kept, and the same command continues" if verb else "nothing is half-written"
        _complain(f"interrupted: {kept}", "--json" in arguments, "Interrupted", 130)
        return 130
    except BrokenPipeError:
        # The reader of our stdout (`| head`) has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        sentence = "the machine has not enough memory for this; use fewer items, or --small"
        _complain(sentence, "--json" in arguments, "MemoryError", 4)
        return 4
    except OSError as error:
        if os.environ.get("ROPEWALK_DEBUG"):
            raise
        _complain(
            f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), "--json" in arguments, "OSError", 3
        )
        return 3
    except Exception as error:
        if os.environ.get("ROPEWALK_DEBUG"):
            raise
        _complain(_unforeseen(error), "--json" in arguments, type(error).__name__, 4)
        return 4


def _unforeseen(error: Exception) -> str:
    """A fault of ours, not of the user: one sentence, and the whole trace in a file that can be sent."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="ropewalk-", suffix=".txt", delete=False) as file:
        file.write("".join(traceback.format_exception(error)))
    text = " ".join(str(error).split())[:300]
    return f"something went wrong that was not foreseen: {type(error).__name__}: {text}. The trace is in {file.name}."


def _complain(sentence: str, as_json: bool, kind: str, code: int) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"error": kind, "sentence": sentence, "exit_code": code}) + "\n")
    for line in sentence.split("\n"):
        sys.stderr.write(f"ropewalk: {line}\n")


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] not in VERBS and not arguments[0].startswith("-"):
        return system_command(arguments)
    if len(arguments) > 2 and arguments[0] not in WITHOUT_SYSTEM and {"-h", "--help"} & set(arguments[1:]):
        return help_with_settings(arguments)
    options = parser().parse_args(arguments)
    if options.verb is None:
        parser().print_help()
        return 0
    from ropewalk.cli.verbs import HANDLERS

    return HANDLERS[options.verb](options)
