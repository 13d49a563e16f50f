"""Commands that write files to begin with: a schema."""

from __future__ import annotations

import argparse
from typing import Any


def add_commands(commands: Any) -> None:
    """Register them."""
    schema = commands.add_parser(
        "schema",
        help="print the JSON Schema of a suite, a recipe or results.json",
        description="Prints a JSON Schema (draft 7), with the check kinds that are installed. "
        "Editors complete and check suites by it.",
    )
    schema.add_argument("name", nargs="?", choices=("suite", "recipe", "results"), default="suite")
    schema.set_defaults(run=run_schema)


def run_schema(options: argparse.Namespace) -> int:
    """Print a schema."""
    from rmcheck.schema import SCHEMAS, rendered

    print(rendered(SCHEMAS[options.name].make()), end="")
    return 0
