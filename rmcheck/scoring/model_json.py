"""What the JSON files of a model say, beside its weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

CONFIG = "config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
TRAINED_BY_OPENRLHF = ("value_head_prefix", "normalize_reward")
"""Keys of config.json by which a reward model of OpenRLHF 0.11.0 is known."""

Find = Callable[[str], Path | None]
"""The path of a file of the model by its name; None without it."""


def content(path: Path | None) -> object:
    """The JSON of a file; None without one, and for other content, which loading reports."""
    if path is None:
        return None
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found


def mapping(path: Path | None) -> Mapping[str, Any]:
    """The JSON of a file that is an object; empty otherwise."""
    found = content(path)
    return found if isinstance(found, dict) else {}


def appends_end(find: Find) -> bool:
    """Whether the tokenizer is to put its end token after a text (`add_eos_token`)."""
    return mapping(find(TOKENIZER_CONFIG)).get("add_eos_token") is True


def of_openrlhf(find: Find) -> bool:
    """Whether the model was trained by OpenRLHF."""
    config = mapping(find(CONFIG))
    return any(key in config for key in TRAINED_BY_OPENRLHF)
