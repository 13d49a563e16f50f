"""Well-known layouts of preference data sets: which columns contain prompts and responses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rmcheck.data.dialogue import Message, PreferencePair, Prompt, content_hash, prompt_group

Row = Mapping[str, Any]
_LAST_TURN = "\n\nAssistant:"


def pairs_from_rows(
    name: str, rows: Iterable[Row], columns: Mapping[str, str] | None = None
) -> list[PreferencePair]:
    """Rows of the data set `name` as pairs.

    Parameters
    ----------
    name
        Selects the layout for data sets that have their own.
    columns
        For any other: our key to the data set's column, `prompt`, `chosen` and `rejected` at least.

    Raises
    ------
    ValueError
        If a column that the layout needs is missing from a row.
    """
    reader = _by_columns(columns) if columns else _LAYOUTS.get(name, _guessed)
    pairs: list[PreferencePair] = []
    for number, row in enumerate(rows):
        try:
            pairs.extend(reader(row))
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{name}: row {number} does not fit its layout ({type(error).__name__}: {error}); "
                f"its columns are {', '.join(map(str, row))}; map them with 'columns:'"
            ) from None
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
        return [_pair(_prompt(prompt), _text(chosen), _text(rejected))]

    return read


def _guessed(row: Row) -> list[PreferencePair]:
    """prompt/chosen/rejected as texts, or chosen/rejected as messages or transcripts."""
    if "prompt" in row and isinstance(row["chosen"], str):
        return [_pair(_prompt(row["prompt"]), row["chosen"], row["rejected"])]
    if isinstance(row["chosen"], str):
        return _transcripts(row)
    return _messages(row)


def _transcripts(row: Row) -> list[PreferencePair]:
    """Anthropic/hh-rlhf: one transcript a side, split at the last assistant turn."""
    before, chosen = _split(row["chosen"])
    _, rejected = _split(row["rejected"])
    return [_pair(before, chosen, rejected)]


def _split(transcript: str) -> tuple[str, str]:
    before, mark, response = transcript.rpartition(_LAST_TURN)
    if not mark:
        raise KeyError("no '\\n\\nAssistant:' turn")
    prompt = before.removeprefix("\n\n").removeprefix("Human:").strip()
    return prompt, response.strip()


def _messages(row: Row) -> list[PreferencePair]:
    """trl-lib/ultrafeedback_binarized: both sides are lists of messages with a common start."""
    chosen, rejected = row["chosen"], row["rejected"]
    prompt = row.get("prompt") or chosen[:-1]
    return [_pair(_prompt(prompt), _text(chosen[-1]), _text(rejected[-1]))]


def _reward_bench(row: Row) -> list[PreferencePair]:
    """allenai/reward-bench: prompt, chosen, rejected, subset."""
    return [_pair(_prompt(row["prompt"]), row["chosen"], row["rejected"], [str(row["subset"])])]


def _reward_bench_2(row: Row) -> list[PreferencePair]:
    """allenai/reward-bench-2: chosen and rejected are lists; every combination is a pair."""
    chosen, rejected = _listed(row["chosen"]), _listed(row["rejected"])
    tags = [str(row["subset"])] if "subset" in row else []
    prompt = _prompt(row["prompt"])
    return [_pair(prompt, good, bad, tags) for good in chosen for bad in rejected]


def _summarize(row: Row) -> list[PreferencePair]:
    """openai/summarize_from_feedback (comparisons): a post, two summaries, which is better."""
    better = int(row["choice"])
    texts = [str(summary["text"]).strip() for summary in row["summaries"]]
    post = row["info"].get("post") or row["info"].get("article")
    prompt = f"{str(post).strip()}\n\nTL;DR:"
    return [_pair(prompt, texts[better], texts[1 - better])]


def _listed(value: Any) -> list[str]:
    return [str(entry) for entry in value] if isinstance(value, list | tuple) else [str(value)]


def _prompt(value: Any) -> Prompt:
    if isinstance(value, str):
        return value
    return tuple(Message(str(turn["role"]), str(turn["content"])) for turn in value)


def _text(value: Any) -> str:
    """A response as text; of a message its content, of a list of messages the last one's."""
    if isinstance(value, str):
        return value
    return _text(value["content"] if isinstance(value, Mapping) else value[-1])


_LAYOUTS: Mapping[str, Callable[[Row], list[PreferencePair]]] = {
    "Dahoas/synthetic-instruct-gptj-pairwise": _guessed,
    "Anthropic/hh-rlhf": _transcripts,
    "openai/summarize_from_feedback": _summarize,
    "allenai/reward-bench": _reward_bench,
    "allenai/reward-bench-2": _reward_bench_2,
    "trl-lib/ultrafeedback_binarized": _messages,
}
