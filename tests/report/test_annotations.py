"""GitHub's workflow commands: their form, their escaping, their number."""

from __future__ import annotations

import re
from typing import Any

from rmcheck.errors import Problem
from rmcheck.report import annotations

from . import builder as build

# The runner's own pattern of a command, and how it turns values back (actions/runner,
# ActionCommand.cs): %0D, %0A, %25 in messages; %3A and %2C as well in properties.
COMMAND = re.compile(r"^::(?P<word>\w+) (?P<properties>.*?)::(?P<message>.*)$")


def unescaped(text: str) -> str:
    for code, character in (("0D", "\r"), ("0A", "\n"), ("3A", ":"), ("2C", ","), ("25", "%")):
        text = text.replace(f"%{code}", character)
    return text


def read(line: str) -> dict[str, str]:
    """A command as the runner reads it."""
    found = COMMAND.match(line)
    assert found, line
    pairs = (part.split("=", 1) for part in found["properties"].split(","))
    told = {key: unescaped(value) for key, value in pairs}
    return {"word": found["word"], "message": unescaped(found["message"]), **told}


def commands(*checks: Any, folder: str = "") -> list[dict[str, str]]:
    record = build.record(build.suite(*checks))
    return [read(line) for line in annotations.lines(record, folder=folder)]


def test_what_failed_is_an_error_and_what_is_weak_a_warning() -> None:
    found = commands(build.check(), build.weak("score_gap"), build.failed("low"), build.regressed())
    assert [each["word"] for each in found] == ["error", "error", "warning"]
    worst = found[0]
    assert worst["title"] == "conversation::no_regression regressed"
    assert worst["message"].startswith("win rate fell 4.1 points against main [")
    assert worst["file"] == "suites/conversation.yaml"
    assert [each["title"] for each in found[1:]] == [
        "conversation::low failed",
        "conversation::score_gap inconclusive",
    ]


def test_it_points_at_the_line_of_the_yaml_file() -> None:
    (found,) = commands(build.failed().model_copy(update={"line": 12}), folder="models/chat")
    assert (found["file"], found["line"]) == ("models/chat/suites/conversation.yaml", "12")


def test_an_advisory_check_never_makes_an_error() -> None:
    (found,) = commands(build.failed().model_copy(update={"gate": "advisory"}))
    assert found["word"] == "warning"
    assert found["title"].endswith("failed (advisory)")


def test_hostile_messages_stay_one_command() -> None:
    message = "100 % of a,b:c\r\n::error::forged\n%0A::set-output name=x::y"
    (line,) = annotations.lines(build.record(build.suite(build.failed(message=message))))
    assert "\n" not in line
    assert "\r" not in line
    assert read(line)["message"] == "100 % of a,b:c ::error::forged %0A::set-output name=x::y"
    suite = build.suite(build.failed(suite="a"), name="a").model_copy(
        update={"path": "suites/a,b:c%.yaml"}
    )
    (line,) = annotations.lines(build.record(suite))
    assert read(line)["file"] == "suites/a,b:c%.yaml"


def test_past_ten_the_tenth_counts_the_rest_and_regressions_come_first() -> None:
    checks = [build.failed(f"check_{index:02d}") for index in range(14)]
    found = commands(*checks, build.regressed(), *(build.weak(f"weak_{i}") for i in range(10)))
    errors = [each for each in found if each["word"] == "error"]
    assert len(errors) == 10
    assert errors[0]["title"] == "conversation::no_regression regressed"
    # 15 in all, 9 of them one by one.
    assert errors[9]["message"].startswith("6 more checks: conversation::check_08, ")
    assert len(found) == 20
    assert all("more checks" not in each["message"] for each in found[10:])


def test_a_run_where_all_held_says_nothing() -> None:
    assert commands(build.check()) == []


def test_mistakes_have_their_file_and_line() -> None:
    path = "data/50%, all.jsonl"
    (found,) = annotations.of_mistakes([Problem(path, 7, 3, "two\nlines")], folder="gate")
    told = read(found)
    assert (told["word"], told["file"], told["line"]) == ("error", f"gate/{path}", "7")
    assert told["message"] == "two lines"
    (whole,) = annotations.of_mistakes([Problem("a.yaml", 0, 0, "empty")])
    assert "line" not in read(whole)


def test_ten_mistakes_at_most_the_last_counts_the_rest() -> None:
    many = [Problem("a.yaml", line, 1, "bad") for line in range(1, 41)]
    assert len(annotations.of_mistakes(many[:10])) == 10
    found = annotations.of_mistakes(many)
    assert len(found) == 10
    assert read(found[8])["line"] == "9"
    assert read(found[9])["message"] == "31 more mistakes"
