"""How a model is given a dialogue, and where that was said.

What the user says comes first (`hf:PATH,template=chat`), then `rmcheck.json`, which rmcheck writes
beside what it trains, then the model's own files, and last the defaults.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rmcheck.data.dialogue import content_hash
from rmcheck.data.template import TEMPLATES
from rmcheck.errors import SourceError, UsageError, did_you_mean, os_reason

ENDS = ("none", "tokenizer", "template", "eos", "openrlhf")
"""What a model reads after the response: nothing, what its tokenizer puts after a text, what its
chat template puts after an answer, the end token, or what OpenRLHF makes of the end of a text."""
READINGS = (*TEMPLATES, "pair")
"""Templates by name; `pair` gives prompt and response as the tokenizer's two inputs."""
POOLINGS = ("last", "mean")
QUANTIZED = ("int8",)
"""What a model's linear layers may be quantised to when it is loaded."""
KEYS = (
    "template",
    "end",
    "max_length",
    "pooling",
    "objective",
    "quantize",
    "trust_remote_code",
)
"""The settings that a spec may give, in the order in which they are shown."""

ASKED = "the spec"
SIDECAR = "rmcheck.json"
DEFAULT = "default"

TOKENIZER_CONFIG = "tokenizer_config.json"
CHAT_FILES = ("chat_template.jinja", TOKENIZER_CONFIG, "chat_template.json")
"""Where a tokenizer keeps its chat template, in the order in which transformers takes them."""

_OPTION = re.compile(r",(?=[a-z_]+=)")
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Layout:
    """How a model is given a dialogue.

    Attributes
    ----------
    template
        `default`, `chat`, `raw`, `pair`, or the path of a Jinja file.
    max_length
        Tokens at most; None: the model's own limit.
    pooling
        `last` or `mean`.
    end
        One of `ENDS`.
    objective
        Which of a head's outputs is the reward, or a weighted sum; empty for a head with one.
    quantize
        One of `QUANTIZED`; empty for the weights as they are.
    text
        The content of the Jinja file; empty for the other templates.
    trust_remote_code
        Whether the user allows that the Python code in the model's folder is run.
    said
        Which of `KEYS` the user gave, in the spec or in a source file.
    origins
        Where each of `KEYS` comes from: the spec, a file, or `default`.
    """

    template: str = "default"
    max_length: int | None = None
    pooling: str = "last"
    end: str = "none"
    objective: str = ""
    quantize: str = ""
    text: str = ""
    trust_remote_code: bool = False
    said: frozenset[str] = field(default=frozenset(), compare=False)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def chat(self) -> bool:
        """Whether a chat template writes the text: the tokenizer's own, or a Jinja file."""
        return is_chat(self.template)

    @property
    def options(self) -> str:
        """How a spec says it: template and end."""
        return f"template={self.template},end={self.end}"

    @property
    def parts(self) -> tuple[object, ...]:
        """What of it belongs to a model's fingerprint."""
        named = content_hash(self.text) if self.text else self.template
        ending = () if self.end == "none" else (self.end,)
        objective = ("objective", self.objective) if self.objective else ()
        quantize = ("quantize", self.quantize) if self.quantize else ()
        code = ("trust_remote_code",) if self.trust_remote_code else ()
        return (named, self.max_length, self.pooling, *ending, *objective, *quantize, *code)


def is_chat(template: str) -> bool:
    """Whether a chat template writes the text: the tokenizer's own, or a Jinja file."""
    return template == "chat" or template not in READINGS


def without_options(rest: str, is_folder: Callable[[str], bool]) -> tuple[str, str]:
    """The path of a spec and its options, still as text; a folder with such a name has none.

    >>> without_options("models/a,b,template=chat,end=eos", lambda path: False)
    ('models/a,b', 'template=chat,end=eos')
    """
    if is_folder(rest):
        return rest, ""
    path, *options = _OPTION.split(rest)
    return path, ",".join(options)


Setting = str | int | bool


def parsed(options: str, spec: str) -> dict[str, str]:
    """The options of a spec by key, not yet checked; values may have commas.

    Raises
    ------
    UsageError
        For a key given twice.
    """
    found: dict[str, str] = {}
    for option in filter(None, _OPTION.split("," + options)[1:]):
        key, _, value = option.partition("=")
        if key in found:
            raise UsageError(f"{spec}: {key} is given twice; give it once")
        found[key] = value
    return found


def asked(
    given: Mapping[str, str], spec: str, root: Path, keys: Sequence[str] = KEYS
) -> dict[str, Setting]:
    """The settings that a spec gives, checked; `keys` are those that are allowed.

    Raises
    ------
    UsageError
        For an unknown key, a key given twice, or a value that is not allowed.
    """
    found: dict[str, Setting] = {}
    for key, value in given.items():
        if key not in keys:
            raise UsageError(f"{spec}: unknown setting {key!r}; {did_you_mean(key, keys)}")
        found[key] = _value(key, value, spec, root)
    return found


def _value(key: str, value: str, spec: str, root: Path) -> Setting:
    if key == "max_length":
        if not value.isdecimal() or int(value) < 1:
            raise UsageError(
                f"{spec}: max_length: expected a number of tokens of at least 1, got {value!r}"
            )
        return int(value)
    if key == "objective":
        if not value.strip():
            raise UsageError(f"{spec}: objective: expected the name of an output of the head")
        return value
    if key == "trust_remote_code":
        if value not in ("true", "false"):
            raise UsageError(f"{spec}: {key}: expected true or false, got {value!r}")
        return value == "true"
    allowed = {
        "template": READINGS,
        "end": ENDS,
        "pooling": POOLINGS,
        "quantize": QUANTIZED,
    }[key]
    if value in allowed or (key == "template" and is_template_file(value, root)):
        return value
    remedy = did_you_mean(value, allowed)
    files = ", or the path of a Jinja file" if key == "template" else ""
    raise UsageError(f"{spec}: {key}: got {value!r}; {remedy}{files}")


def is_template_file(value: str, root: Path) -> bool:
    """Whether a template is the path of a file, relative to the folder `root`."""
    return (root / Path(value).expanduser()).is_file()


def template_text(path: str, root: Path) -> str:
    """The content of a Jinja file that a spec names.

    Raises
    ------
    SourceError
        When it cannot be read, is not text or is too large.
    """
    file = root / Path(path).expanduser()
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise SourceError(f"{file}: larger than {_MOST_BYTES:,} bytes; expected a template")
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SourceError(f"{file}: not UTF-8 text; save the template as UTF-8") from None
    except OSError as error:
        raise SourceError(f"{file}: cannot be read: {os_reason(error)}") from None


def chat_file(find: Callable[[str], Path | None]) -> str | None:
    """The name of the file that has the tokenizer's chat template; None without one.

    `find` gives the path of a file of the model by its name.
    """
    for name in CHAT_FILES:
        path = find(name)
        if path is None:
            continue
        if path.suffix == ".jinja":
            return name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue  # loading the tokenizer reports it
        if isinstance(content, dict) and content.get("chat_template"):
            return name
    return None
