"""argparse's private names are still those that it asks."""

from __future__ import annotations

import argparse
import inspect

import pytest

from rmcheck.cli.argparse_compat import NearestChoiceParser


def test_what_is_overridden_is_there_to_be_overridden() -> None:
    theirs = getattr(argparse.ArgumentParser, "_check_value", None)
    assert theirs is not None, (
        "argparse has no _check_value any longer: look for what takes its place, and change "
        "rmcheck/cli/argparse_compat.py"
    )
    assert list(inspect.signature(theirs).parameters) == ["self", "action", "value"]


@pytest.mark.parametrize("words", [["--colour", "gren"], ["biuld"]])
def test_options_and_commands_are_told_the_nearest_choice(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = NearestChoiceParser()
    parser.add_argument("--colour", choices=("green", "red"))
    commands = parser.add_subparsers()
    commands.add_parser("build")
    with pytest.raises(SystemExit):
        parser.parse_args(words)
    meant = "green" if words[0] == "--colour" else "build"
    assert f"invalid choice: '{words[-1]}', did you mean '{meant}'?" in capsys.readouterr().err
