"""The link to a server over HTTP, once a request is to be sent."""

from __future__ import annotations

from rmcheck.extras import needed_by
from rmcheck.remote.address import Address
from rmcheck.remote.connection import Link


def http_link(address: Address, timeout: float, what: str) -> Link:
    """A link to a server; opens no connection before the first request.

    Parameters
    ----------
    timeout
        Seconds for one request, from the connection to the last byte of the answer.
    what
        What the user asked for, for the message about a missing package.

    Raises
    ------
    ExtraMissing
        Without the packages of the extra `http`.
    """
    with needed_by(what):
        from rmcheck.remote.session import Connections
    return Connections(address, timeout)
