"""Two texts as a report shows them: long ones are cut to what is near their difference."""

from __future__ import annotations

from itertools import takewhile

MOST = 4_000
"""Characters of a text that a report shows."""
_AROUND = 1_000


def shown(before: str, after: str, most: int = MOST) -> tuple[str, str]:
    """Both texts, each at most `most` characters around the first difference.

    >>> shown("a" * 5 + "b" * 5, "a" * 5 + "c" * 5)
    ('aaaaabbbbb', 'aaaaaccccc')
    """
    if max(len(before), len(after)) <= most:
        return before, after
    pairs = zip(before, after, strict=False)
    alike = sum(1 for _ in takewhile(lambda both: both[0] == both[1], pairs))
    start = max(0, alike - min(_AROUND, most // 4))
    return _cut(before, start, most), _cut(after, start, most)


def _cut(text: str, start: int, most: int) -> str:
    kept = text[start : start + most]
    return f"{'…' if start else ''}{kept}{'…' if start + most < len(text) else ''}"
