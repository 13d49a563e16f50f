"""Threads that wait asleep: said to OpenMP before torch is there, and never over a user's word."""

from __future__ import annotations

import os
import sys

import pytest

from rmcheck.scoring.threads import wait_asleep


def test_it_is_said_before_torch_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "x")  # so that it is put back as it was
    monkeypatch.delenv("OMP_WAIT_POLICY")
    wait_asleep()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_what_a_user_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    wait_asleep()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_once_torch_is_there_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", object())
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    wait_asleep()
    assert "OMP_WAIT_POLICY" not in os.environ
