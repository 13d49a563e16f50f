"""The command line. pytest runs suites; these commands do what lies before and after a run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from rmcheck import __version__
from rmcheck.cli import cache, lint, models, runs, selftest, start
from rmcheck.cli.argparse_compat import NearestChoiceParser
from rmcheck.errors import RmcheckError

USAGE_ERROR = 4
INTERRUPTED = 2


class Parser(NearestChoiceParser):
    """argparse with the project's manners: a mistake is one line and exit code 4."""

    def error(self, message: str) -> NoReturn:
        """End with the message and where help is."""
        self.exit(USAGE_ERROR, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = Parser(
        prog="rmcheck",
        description="pytest for reward models. `pytest suites/` runs the gate; these commands "
        "train, score, compare and keep runs.",
    )
    top.add_argument("--version", action="version", version=f"rmcheck {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    start.add_commands(commands)
    lint.add_commands(commands)
    models.add_commands(commands)
    runs.add_commands(commands)
    selftest.add_commands(commands)
    cache.add_commands(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 well, 1 a regression, 2 interrupted, 4 a user's mistake."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except RmcheckError as error:
        print(f"rmcheck {options.command}: {error}", file=sys.stderr)
        return USAGE_ERROR
    except BrokenPipeError:
        return 0
    except OSError as error:
        said = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"rmcheck {options.command}: {said}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print(f"\nrmcheck {options.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
