"""What every handler needs: the options that name a place, and the answer for people or programs."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any


def configured(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "small": options.small,
        "config": options.config,
        "sets": options.sets,
        "store": options.store,
        "index": options.index,
        "seed": options.seed,
        "workers": options.workers,
        "threads": options.threads,
        "quiet": options.quiet,
    }


def put(options: argparse.Namespace, body: Any, text: str) -> None:
    if options.json:
        sys.stdout.write(json.dumps(body, default=str) + "\n")
    else:
        sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()
