"""Checksums: plain or keyed, and no two lists of parts alike."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from rmcheck.scoring.seal import KEY_VARIABLE, holds, seal


def test_a_seal_is_hmac_sha256_of_the_parts_with_their_lengths(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "k")
    expected = hmac.new(b"k", b"1:a2:bc", hashlib.sha256).hexdigest()[:32]
    assert seal("a", "bc") == expected
    assert holds(expected, "a", "bc")


def test_parts_do_not_run_into_each_other() -> None:
    assert seal("ab", "c") != seal("a", "bc")
    assert seal("ab") != seal("a", "b")


@pytest.mark.parametrize("given", [None, 3, b"x", "", "ü", [], "0" * 32])
def test_what_is_not_a_seal_does_not_hold(given: object) -> None:
    assert not holds(given, "a")


def test_a_secret_of_any_bytes_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = seal("a")
    monkeypatch.setenv(KEY_VARIABLE, "\udcff")  # what Python makes of the byte 0xff
    assert seal("a") != plain
