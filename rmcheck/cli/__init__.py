"""The command line. pytest runs suites; these commands prepare a run and use its results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from rmcheck import __version__
from rmcheck.cli import (
    average,
    bisect,
    cache,
    cv,
    data,
    doctor,
    export,
    lint,
    models,
    monitor,
    perturb,
    pin,
    plan,
    runs,
    selftest,
    serve,
    shards,
    slices,
    start,
    sweep,
    train,
)
from rmcheck.cli.argparse_compat import NearestChoiceParser
from rmcheck.cli.output import tell
from rmcheck.errors import RmcheckError, os_message

USAGE_ERROR = 4
INTERRUPTED = 2


class Parser(NearestChoiceParser):
    """argparse, with one line and exit code 4 for every usage error."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Reject unknown arguments here, in the command's own parser, which knows its help."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Exit with the message and the command that prints help."""
        self.exit(USAGE_ERROR, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = Parser(
        prog="rmcheck",
        description="pytest for reward models. `pytest suites/` runs the gate; these commands "
        "train, score, compare and save baselines.",
    )
    top.add_argument("--version", action="version", version=f"rmcheck {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    start.add_commands(commands)
    data.add_commands(commands)
    lint.add_commands(commands)
    train.add_commands(commands)
    models.add_commands(commands)
    cv.add_commands(commands)
    sweep.add_commands(commands)
    average.add_commands(commands)
    perturb.add_commands(commands)
    shards.add_commands(commands)
    doctor.add_commands(commands)
    serve.add_commands(commands)
    runs.add_commands(commands)
    bisect.add_commands(commands)
    monitor.add_commands(commands)
    pin.add_commands(commands)
    export.add_commands(commands)
    selftest.add_commands(commands)
    slices.add_commands(commands)
    plan.add_commands(commands)
    cache.add_commands(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns 0 on success, 1 for a regression, 2 if interrupted, 4 for an error."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except RmcheckError as error:
        print(f"rmcheck {options.command}: {error}", file=sys.stderr)
        return USAGE_ERROR
    except BrokenPipeError:
        return 0
    except OSError as error:
        tell(f"rmcheck {options.command}: {os_message(error)}", error=True)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print(f"\nrmcheck {options.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
