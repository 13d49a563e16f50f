"""Where a server is: its URL, checked, without anything that must not be kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from rmcheck.errors import UsageError

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """The URL of a server in parts; `prefix` is its path."""

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> Address:
        """The address that a URL names.

        Raises
        ------
        UsageError
            If it has no host, an invalid port, or a login or a query, which could be secrets.

        >>> Address.parse("http://gpu-7:8000/reward/")
        Address(scheme='http', host='gpu-7', port=8000, prefix='/reward/')
        """
        scheme, _, rest = url.partition("://")
        try:
            parts = urlsplit(url)
            port, login = parts.port, "@" in parts.netloc
        except ValueError:
            login = "@" in rest  # a password with a slash, say
            if not login:
                raise UsageError(f"{url}: not a URL; expected http://HOST:PORT") from None
        if login:
            raise UsageError(
                f"{scheme}://***@{rest.rpartition('@')[2]}: a login in the URL would be kept with "
                "every run; put the key into an environment variable and name it: "
                "api_key_env=VARIABLE"
            )
        if parts.query or parts.fragment:
            raise UsageError(
                f"{parts.scheme}://{parts.netloc}{parts.path}: a URL with '?' or '#' could contain "
                "a secret; remove it, and give a key by api_key_env=VARIABLE"
            )
        if parts.scheme not in PORTS or not parts.hostname or re.search(r"[\s,]", url):
            raise UsageError(f"{url}: not a URL; expected http://HOST:PORT or https://HOST")
        if not parts.path.isascii():
            raise UsageError(f"{url}: the path of a URL is ASCII; write %XX for other characters")
        return cls(parts.scheme, parts.hostname, port or PORTS[parts.scheme], parts.path)

    @property
    def authority(self) -> str:
        """Host and port, as the header Host has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.prefix.rstrip('/')}"

    def target(self, path: str) -> str:
        """A path below the URL, as a request names it; an empty one is the URL itself.

        >>> address = Address.parse("http://gpu-7:8000/reward/")
        >>> address.target("/info"), address.target("")
        ('/reward/info', '/reward/')
        """
        return f"{self.prefix.rstrip('/')}{path}" if path else self.prefix or "/"
