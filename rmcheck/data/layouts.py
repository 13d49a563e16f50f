"""Well-known layouts of preference data sets: which columns contain prompts and responses."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rmcheck.data.dialogue import Message, PreferencePair, Prompt, content_hash, prompt_group
from rmcheck.wording import counted

Row = Mapping[str, Any]
_LAST_TURN = "\n\nAssistant:"
_HUMAN_TURN = "\n\nHuman:"
_ANSWERS = ("assistant", "model", "gpt", "bot")


MOST_LEFT_OUT = 0.05
"""The largest share of a data set's rows that may be left out."""
_TOLD = 3


class NotAPair(ValueError):
    """A row that is not a pair; its text is the reason."""


def pairs_from_rows(
    name: str, rows: Iterable[Row], columns: Mapping[str, str] | None = None
) -> list[PreferencePair]:
    """Rows of the data set `name` as pairs.

    A row whose two sides do not answer the same conversation, or with a text that is missing, has
    no pair: it is left out, and a warning counts such rows with their reasons.

    Parameters
    ----------
    name
        Selects the layout for data sets that have their own.
    columns
        For any other: our key to the data set's column, `prompt`, `chosen` and `rejected` at least.

    Raises
    ------
    ValueError
        If a column that the layout needs is missing from a row, or if more than `MOST_LEFT_OUT`
        of the rows have no pair.
    """
    reader = _by_columns(columns) if columns else _LAYOUTS.get(name, _guessed)
    pairs: list[PreferencePair] = []
    left_out: list[str] = []
    number = -1
    for number, row in enumerate(rows):
        try:
            pairs.extend(reader(row))
        except NotAPair as error:
            left_out.append(f"row {number}: {error}")
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"{name}: row {number} does not fit its layout ({type(error).__name__}: {error}); "
                f"its columns are {', '.join(map(str, row))}; map them with 'columns:'"
            ) from None
    if left_out:
        more = f" and {len(left_out) - _TOLD:,} more" if len(left_out) > _TOLD else ""
        told = f"{'; '.join(left_out[:_TOLD])}{more}"
        total = number + 1
        if len(left_out) > MOST_LEFT_OUT * total:
            raise ValueError(
                f"{name}: {counted(len(left_out), 'row')} of {total:,} have no pair ({told}); "
                "remove these rows, or map other columns with 'columns:'"
            )
        said = f"{name}: {counted(len(left_out), 'row')} of {total:,} left out ({told})"
        warnings.warn(said, stacklevel=2)
    return pairs


def _pair(prompt: Prompt, chosen: str, rejected: str, tags: Iterable[str] = ()) -> PreferencePair:
    """A pair of a hub data set: its id is a hash of the row."""
    group = prompt_group(prompt)
    return PreferencePair(
        id=content_hash(group, chosen, rejected)[:16],
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        group=group,
        tags=tuple(tags),
    )


def _by_columns(columns: Mapping[str, str]) -> Callable[[Row], list[PreferencePair]]:
    def read(row: Row) -> list[PreferencePair]:
        prompt, chosen, rejected = (
            row[columns.get(key, key)] for key in ("prompt", "chosen", "rejected")
        )
        return [_sides(prompt, chosen, rejected)]

    return read


def _guessed(row: Row) -> list[PreferencePair]:
    """prompt/chosen/rejected as texts, or chosen/rejected as messages or transcripts."""
    if row.get("prompt") is None and isinstance(row["chosen"], str):
        return _transcripts(row)
    return _messages(row)


def _transcripts(row: Row) -> list[PreferencePair]:
    """Anthropic/hh-rlhf: one transcript a side, split at the last assistant turn."""
    before, chosen = _split("chosen", row["chosen"])
    other, rejected = _split("rejected", row["rejected"])
    if before != other:
        raise NotAPair("chosen and rejected continue different conversations")
    return [_pair(before, chosen, rejected)]


def _split(side: str, transcript: object) -> tuple[str, str]:
    before, mark, response = _text(side, transcript).rpartition(_LAST_TURN)
    if not mark:
        raise KeyError("no '\\n\\nAssistant:' turn")
    if _HUMAN_TURN in response:
        raise NotAPair(f"{side} ends with a turn of the human")
    prompt = before.removeprefix("\n\n").removeprefix("Human:").strip()
    return prompt, response.strip()


def _messages(row: Row) -> list[PreferencePair]:
    """trl-lib/ultrafeedback_binarized: both sides are lists of messages with a common start."""
    return [_sides(row.get("prompt"), row["chosen"], row["rejected"])]


def _sides(prompt: Any, chosen: Any, rejected: Any) -> PreferencePair:
    """A pair of two sides, each a text, a message, or the messages up to and with the answer."""
    before, good = _side("chosen", chosen)
    other, bad = _side("rejected", rejected)
    if before != other:
        raise NotAPair("chosen and rejected continue different conversations")
    if not before:
        if prompt is None:
            raise NotAPair("no prompt: neither a column nor messages before the answer")
        return _pair(_prompt(prompt), good, bad)
    given = _prompt(prompt) if prompt else before
    if given == before or (isinstance(given, str) and before == (Message("user", given),)):
        return _pair(given, good, bad)
    if isinstance(given, str) or before[: len(given)] == given:
        raise NotAPair("the prompt and the messages before the answer are different conversations")
    return _pair((*given, *before), good, bad)


def _side(name: str, value: Any) -> tuple[tuple[Message, ...], str]:
    """The turns before the answer, and the answer."""
    if isinstance(value, str) or value is None:
        return (), _text(name, value)
    turns = [value] if isinstance(value, Mapping) else list(value)
    if not turns:
        raise NotAPair(f"{name} has no messages")
    if isinstance(turns[-1], str):
        return (), turns[-1]
    role = turns[-1].get("role", "assistant")
    if role not in _ANSWERS:
        raise NotAPair(f"{name} ends with a turn of {role!r}")
    before = tuple(_message(name, turn) for turn in turns[:-1])
    return before, _text(name, turns[-1]["content"])


def _message(where: str, turn: Mapping[str, Any]) -> Message:
    return Message(str(turn["role"]), _text(where, turn["content"]))


def _reward_bench(row: Row) -> list[PreferencePair]:
    """allenai/reward-bench: prompt, chosen, rejected, subset."""
    chosen, rejected = _text("chosen", row["chosen"]), _text("rejected", row["rejected"])
    return [_pair(_prompt(row["prompt"]), chosen, rejected, [str(row["subset"])])]


def _reward_bench_2(row: Row) -> list[PreferencePair]:
    """allenai/reward-bench-2: chosen and rejected are lists; every combination is a pair."""
    chosen, rejected = _listed("chosen", row["chosen"]), _listed("rejected", row["rejected"])
    tags = [str(row["subset"])] if "subset" in row else []
    prompt = _prompt(row["prompt"])
    return [_pair(prompt, good, bad, tags) for good in chosen for bad in rejected]


def _summarize(row: Row) -> list[PreferencePair]:
    """openai/summarize_from_feedback (comparisons): a post, two summaries, which is better."""
    better = int(row["choice"])
    texts = [_text("summaries", summary["text"]).strip() for summary in row["summaries"]]
    post = _text("info", row["info"].get("post") or row["info"].get("article"))
    prompt = f"{post.strip()}\n\nTL;DR:"
    return [_pair(prompt, texts[better], texts[1 - better])]


def _listed(name: str, value: Any) -> list[str]:
    return [_text(name, each) for each in (value if isinstance(value, list | tuple) else [value])]


def _prompt(value: Any) -> Prompt:
    if isinstance(value, str) or value is None:
        return _text("prompt", value)
    if not value:
        raise NotAPair("prompt has no messages")
    return tuple(_message("prompt", turn) for turn in value)


def _text(where: str, value: Any) -> str:
    """A text; NotAPair with the reason if it is missing."""
    if isinstance(value, str):
        return value
    if value is None:
        raise NotAPair(f"a text of {where} is null")
    raise NotAPair(f"{where}: expected a text, got {type(value).__name__}")


_LAYOUTS: Mapping[str, Callable[[Row], list[PreferencePair]]] = {
    "Dahoas/synthetic-instruct-gptj-pairwise": _guessed,
    "Anthropic/hh-rlhf": _transcripts,
    "openai/summarize_from_feedback": _summarize,
    "allenai/reward-bench": _reward_bench,
    "allenai/reward-bench-2": _reward_bench_2,
    "trl-lib/ultrafeedback_binarized": _messages,
}
