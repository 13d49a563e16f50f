"""Rows to lint, with as little text as the test at hand needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rmcheck.lint.pool import DataFile as File
from rmcheck.lint.pool import Pool, read_pool


def pair(name: str, prompt: str, chosen: str, rejected: str, **more: Any) -> dict[str, Any]:
    """A row of a pair; the group is the prompt unless it is given."""
    return {"id": name, "prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def many(n: int, *, tags: list[str] | None = None, **more: Any) -> list[dict[str, Any]]:
    """Pairs with prompts and responses of their own; chosen and rejected differ in no measure."""
    return [
        pair(
            f"p{i:04d}",
            f"ask{i} for{i} thing{i}",
            f"yes{i:04d} one{i:04d} two{i:04d} six{i:04d} ten{i:04d}",
            f"not{i:04d} red{i:04d} tan{i:04d} sea{i:04d} hay{i:04d}",
            tags=tags or [],
            **more,
        )
        for i in range(n)
    ]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A JSON Lines file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def pool(folder: Path, rows: list[dict[str, Any]]) -> Pool:
    """The rows as a pool of one file `data.jsonl`."""
    return read_pool([File(write(folder / "data.jsonl", rows))], root=folder)
