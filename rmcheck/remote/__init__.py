"""Asks served reward models for scores: profiles of servers, and the client that talks to them."""

from __future__ import annotations

from rmcheck.errors import UsageError, did_you_mean
from rmcheck.registry import Registry
from rmcheck.remote.profile import Profile


def _accepted(_: str, found: object) -> type[Profile]:
    if not (isinstance(found, type) and issubclass(found, Profile)):
        raise ValueError(f"expected a subclass of rmcheck.remote.profile.Profile, got {found!r}")
    return found


PROFILES: Registry[type[Profile]] = Registry(
    {
        "vllm": "rmcheck.remote.profiles.vllm:Vllm",
        "vllm-pooling": "rmcheck.remote.profiles.vllm_pooling:VllmPooling",
        "sglang": "rmcheck.remote.profiles.sglang:Sglang",
        "tei": "rmcheck.remote.profiles.tei:Tei",
        "infinity": "rmcheck.remote.profiles.infinity:Infinity",
        "openrlhf": "rmcheck.remote.profiles.openrlhf:OpenRlhf",
        "nim": "rmcheck.remote.profiles.nim:Nim",
        "hf-endpoint": "rmcheck.remote.profiles.hf_endpoint:HfEndpoint",
        "generic": "rmcheck.remote.profiles.generic:Generic",
    },
    _accepted,
    "rmcheck.profiles",
)
"""The profiles of servers, ours and those of other packages."""


def profile_class(name: str, spec: str) -> type[Profile]:
    """The profile of that name.

    Raises
    ------
    UsageError
        If no profile has that name.
    """
    found = PROFILES.find(name)
    if found is None:
        raise UsageError(f"{spec}: profile: got {name!r}; {did_you_mean(name, PROFILES.names())}")
    return found
