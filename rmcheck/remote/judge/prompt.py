"""What a judge is asked: a Jinja template with the request and one response, or two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from rmcheck.data.dialogue import content_hash
from rmcheck.errors import SourceError, UsageError, os_reason
from rmcheck.remote.profile import Input

Mode = Literal["score", "pairwise"]
MODES: tuple[Mode, ...] = ("score", "pairwise")
"""A grade for each response, or a comparison of two."""

DEFAULT = "default"
NEEDED = {"score": ("response",), "pairwise": ("response_a", "response_b")}
"""What a template of each mode has to put in."""
ALSO = ("prompt", "messages")
"""What it may put in besides: the request as one text, and as a list of messages."""
MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class JudgePrompt:
    """A template, checked.

    Attributes
    ----------
    name
        `default`, or the path of the user's file.
    text
        The template.
    """

    mode: Mode
    name: str
    text: str

    @classmethod
    def shipped(cls, mode: Mode) -> JudgePrompt:
        """Our own template of a mode."""
        path = Path(__file__).with_name(f"{mode}.jinja")
        return cls(mode, DEFAULT, path.read_text(encoding="utf-8"))

    @classmethod
    def of_file(cls, name: str, path: Path, mode: Mode) -> JudgePrompt:
        """The user's template.

        Raises
        ------
        ValueError
            If it cannot be read, is not a template, or puts in what there is not, or not the
            responses; says so in words.
        """
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"{name}: larger than {MOST_BYTES:,} bytes; expected a template")
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{name}: not UTF-8 text; save the template as UTF-8") from None
        except OSError as error:
            raise ValueError(f"{name}: cannot be read: {os_reason(error)}") from None
        _refuse_unfit(text, name, mode)
        return cls(mode, name, text)

    @cached_property
    def hash(self) -> str:
        """A content hash of the template, 32 hex digits."""
        return content_hash("judge prompt", self.mode, self.text)

    def __str__(self) -> str:
        return f"{self.name} ({self.hash[:8]})"

    def written(self, given: Input) -> str:
        """The text that the judge is asked.

        Raises
        ------
        SourceError
            If the template fails on it.
        """
        responses = (
            {"response": given.response}
            if self.mode == "score"
            else {"response_a": given.response, "response_b": given.second}
        )
        messages = given.messages[:-1]
        try:
            text: str = self._template.render(
                prompt=given.prompt_text, messages=messages, **responses
            )
        except Exception as error:  # Jinja's errors, and whatever the template does
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise SourceError(f"the judge's prompt {self.name} fails: {said}") from None
        return text.strip()

    @cached_property
    def _template(self) -> Any:
        return _environment().from_string(self.text)


def chosen(name: str, root: Path, mode: Mode, spec: str) -> JudgePrompt:
    """The prompt of that name: `default` (or empty), or a Jinja file relative to `root`.

    Raises
    ------
    UsageError
        If it cannot be used.
    """
    if name in ("", DEFAULT):
        return JudgePrompt.shipped(mode)
    path = root / Path(name).expanduser()
    if not path.is_file():
        raise UsageError(
            f"{spec}: prompt: file not found: {path}; give a Jinja file, or leave it out for the "
            "default prompt"
        )
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else name
    try:
        return JudgePrompt.of_file(shown, path, mode)
    except ValueError as error:
        raise UsageError(f"{spec}: prompt: {error}") from None


def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _refuse_unfit(text: str, name: str, mode: Mode) -> None:
    from jinja2 import TemplateSyntaxError, meta

    try:
        tree = _environment().parse(text)
    except TemplateSyntaxError as error:
        raise ValueError(f"{name}:{error.lineno}: not a Jinja template: {error.message}") from None
    used = meta.find_undeclared_variables(tree)
    needed, allowed = NEEDED[mode], (*NEEDED[mode], *ALSO)
    listed = ", ".join(f"{{{{ {each} }}}}" for each in allowed)
    unknown = sorted(used - set(allowed))
    if unknown:
        raise ValueError(
            f"{name}: unknown {{{{ {unknown[0]} }}}}; with mode={mode} a prompt may use {listed}"
        )
    missing = [each for each in needed if each not in used]
    if missing:
        raise ValueError(
            f"{name}: {{{{ {missing[0]} }}}} is missing; with mode={mode} the judge has to see "
            f"{' and '.join(f'{{{{ {each} }}}}' for each in needed)}"
        )
