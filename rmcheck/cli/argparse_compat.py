"""Names of argparse that are not part of its public API.

`tests/cli/test_argparse_compat.py` fails if one of them is missing.
"""

from __future__ import annotations

import argparse
from typing import Any

from rmcheck.errors import did_you_mean


class NearestChoiceParser(argparse.ArgumentParser):
    """A parser that suggests the nearest choice for a misspelt command or choice."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Reject a value that is not a choice. argparse has no public hook for this message.

        Python 3.14 has `suggest_on_error`; 3.11 to 3.13 do not.
        """
        if action.choices is not None and value not in action.choices:
            said = f"invalid choice: {value!r}, {did_you_mean(str(value), action.choices)}"
            raise argparse.ArgumentError(action, said)
