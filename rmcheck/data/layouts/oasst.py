"""OpenAssistant's conversation trees (Köpf et al. 2023, arXiv:2304.07327; OpenAssistant/oasst1).

Nested, one tree a row, or flat, one message a row. Where the replies to a message are ranked, each
two of different rank are a pair; the messages on the way to them are the prompt.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from rmcheck.data.dialogue import Message, PreferencePair
from rmcheck.data.layouts import shape, texts
from rmcheck.data.layouts.layout import Item, Layout, NoPreference, NotAPair, Values, each, pair

_ROLES = {"prompter": "user", "assistant": "assistant"}
_DEEPEST = 200


def _tree(row: Values) -> list[Item]:
    """A nested tree: `prompt` is its first message, `replies` those below a message."""
    root = row.get("prompt")
    if not isinstance(root, Mapping):
        raise NotAPair("prompt: expected the first message of a tree")
    found = list(_below(root, ()))
    if not found:
        raise NoPreference("no two replies to a message are ranked")
    return list(found)


def _below(node: Mapping[str, Any], path: tuple[Message, ...]) -> Iterator[PreferencePair]:
    if len(path) >= _DEEPEST:
        raise NotAPair(f"a tree of more than {_DEEPEST} messages in depth")
    role = _ROLES.get(str(node.get("role")))
    if role is None:
        raise NotAPair(f"role: expected prompter or assistant, got {str(node.get('role'))[:40]!r}")
    path = (*path, Message(role, texts.text("text", node.get("text"))))
    replies = [one for one in node.get("replies") or () if not one.get("deleted")]
    if role == "user":
        yield from _ranked(path, replies)
    for reply in replies:
        yield from _below(reply, path)


def _ranked(
    path: tuple[Message, ...], replies: Sequence[Mapping[str, Any]]
) -> Iterator[PreferencePair]:
    answers = [one for one in replies if one.get("role") == "assistant"]
    rated = [
        (texts.number("rank", one["rank"]), one) for one in answers if one.get("rank") is not None
    ]
    prompt = path[0].content if len(path) == 1 else path
    for high, good in rated:
        for low, bad in rated:
            if high < low:  # the best rank is 0
                ids = (good.get("message_id"), bad.get("message_id"))
                yield pair(
                    prompt,
                    texts.text("text", good.get("text")),
                    texts.text("text", bad.get("text")),
                    name=":".join(map(str, ids)) if None not in ids else None,
                    tags=texts.tags(good, "lang"),
                    ratings=(-high, -low),
                )


def _flat(rows: Sequence[Values]) -> list[Item]:
    """A tree whose messages are rows that name their parents."""
    replies: dict[Any, list[Values]] = {}
    for row in rows:
        replies.setdefault(row.get("parent_id"), []).append(row)
    roots = [row for row in rows if row.get("parent_id") in (None, "")]
    if len(roots) != 1:
        raise NotAPair(f"expected one first message in the tree, got {len(roots)}")
    return _tree({"prompt": _with_replies(roots[0], replies, 0)})


def _with_replies(
    row: Values, replies: Mapping[Any, Sequence[Values]], depth: int
) -> Mapping[str, Any]:
    if depth > _DEEPEST:
        raise NotAPair(f"a tree of more than {_DEEPEST} messages in depth")
    below = [_with_replies(one, replies, depth + 1) for one in replies.get(row["message_id"], ())]
    return {**row, "replies": below}


def _tree_of(row: Values) -> Hashable:
    return str(row["message_tree_id"])


TREES = Layout(
    name="oasst",
    about="OpenAssistant trees, one a row",
    needs={"message_tree_id": (shape.TEXT,), "prompt": (shape.OBJECT,)},
    read=each(_tree),
)
MESSAGES = Layout(
    name="oasst-messages",
    about="OpenAssistant trees, one message a row",
    needs={
        "message_id": (shape.TEXT,),
        "message_tree_id": (shape.TEXT,),
        "text": (shape.TEXT,),
        "role": (shape.TEXT,),
    },
    read=_flat,
    together=_tree_of,
    hub=("OpenAssistant/oasst1", "OpenAssistant/oasst2"),
)
