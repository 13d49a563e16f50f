"""Learning to summarize (Stiennon et al. 2020, arXiv:2009.01325; openai/summarize_from_feedback).

Two configurations: `comparisons`, with two summaries of a post and which of them is better, and
`axis`, with one summary and the marks that a reader gave it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from rmcheck.data.layouts import shape, texts
from rmcheck.data.layouts.layout import Item, Layout, NotAPair, Values, each, pair, ranked

_CUE = "\n\nTL;DR:"
"""What the authors put after a post, so that a model goes on with its summary."""


def _comparison(row: Values) -> list[Item]:
    summaries = _object("summaries", row.get("summaries"))
    if len(summaries) != 2:
        raise NotAPair(f"summaries: expected two, got {len(summaries)}")
    better = texts.choice("choice", row.get("choice"))
    both = [_summary(f"summaries[{index}]", one) for index, one in enumerate(summaries)]
    info = row.get("info")
    tags = texts.tags(info, "subreddit") if isinstance(info, Mapping) else []
    return [pair(_prompt(row), both[better], both[1 - better], tags=tags)]


def _marked(rows: Sequence[Values]) -> list[Item]:
    """The pairs of a post's summaries whose mean overall marks differ."""
    marks: dict[str, list[float]] = {}
    for row in rows:
        given = row.get("summary")
        axes = given.get("axes") if isinstance(given, Mapping) else None
        overall = axes.get("overall") if isinstance(axes, Mapping) else None
        if overall is not None:
            found = _summary("summary", given)
            marks.setdefault(found, []).append(texts.number("overall", overall))
    rated = [(summary, sum(given) / len(given)) for summary, given in marks.items()]
    return list(ranked(_prompt(rows[0]), rated))


def _post(row: Values) -> Hashable:
    info = row["info"]
    return str(info.get("id") or info.get("post") or info.get("article"))


def _prompt(row: Values) -> str:
    info = row.get("info")
    if not isinstance(info, Mapping):
        raise NotAPair("info: expected an object with a post or an article")
    post = texts.text("info", info.get("post") or info.get("article"))
    return f"{post.strip()}{_CUE}"


def _summary(where: str, value: object) -> str:
    if not isinstance(value, Mapping):
        raise NotAPair(f"{where}: expected an object with a text")
    return texts.text(f"{where}.text", value.get("text")).strip()


def _object(where: str, value: object) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise NotAPair(f"{where}: expected a list")
    return value


COMPARISONS = Layout(
    name="summarize-comparisons",
    about="summarize_from_feedback, comparisons",
    needs={"info": (shape.OBJECT,), "summaries": (shape.OBJECTS,), "choice": shape.NUMBERS},
    read=each(_comparison),
    hub=("openai/summarize_from_feedback",),
)
AXIS = Layout(
    name="summarize-axis",
    about="summarize_from_feedback, axis",
    needs={"info": (shape.OBJECT,), "summary": (shape.OBJECT,)},
    read=_marked,
    together=_post,
)
