"""The key of a server: read from the environment, never shown."""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from rmcheck.errors import UsageError

_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")


class Secret:
    """A key that is sent to a server; its text is in no message and no `repr`."""

    def __init__(self, text: str = "", variable: str = "") -> None:
        self._text = text
        self.variable = variable

    @classmethod
    def of(cls, variable: str, spec: str) -> Secret:
        """The key in an environment variable.

        Raises
        ------
        UsageError
            If the variable is not set, or something else than a name is given: that may be the key
            itself, so that it is not shown.
        """
        if not _NAME.fullmatch(variable):
            raise UsageError(
                f"{spec}: api_key_env: expected the name of an environment variable in capital "
                "letters (SERVER_KEY), not the key itself"
            )
        text = os.environ.get(variable, "").strip()
        if not text:
            raise UsageError(f"{spec}: api_key_env: the environment variable {variable} is not set")
        if not text.isascii() or not text.isprintable() or " " in text:
            raise UsageError(
                f"{spec}: api_key_env: the key in {variable} has a space or a character that "
                "cannot be sent; set it again"
            )
        return cls(text, variable)

    def __repr__(self) -> str:
        return f"Secret({self.variable or 'none'})"

    @property
    def headers(self) -> dict[str, str]:
        """The header that carries it; none without a key."""
        return {"authorization": f"Bearer {self._text}"} if self._text else {}

    def removed(self, text: str) -> str:
        """A text of a server without the key in it."""
        if not self._text:
            return text
        for form in {self._text, quote(self._text, safe="")}:
            text = text.replace(form, "***")
        return text
