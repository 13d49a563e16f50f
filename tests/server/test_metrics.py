"""What `/metrics` tells: requests, texts, rewards, ties, and the distance to the gate's run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from report import builder as build
from starlette.testclient import TestClient

from rmcheck.record import folder as folders
from rmcheck.server.drift import reference

from .apps import client, service


def numbers(asked: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and labels."""
    answer = asked.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


IT = (("model", "it"),)


def test_what_is_asked_is_counted() -> None:
    with client(service()) as asked:
        # Rewards 1, 2, 2, 2 (twice the same text): two different texts are tied.
        body = {"prompt": "", "responses": ["a", "bb", "cc", "cc"]}
        assert asked.post("/rewards", json=body).json()["rewards"] == [1.0, 2.0, 2.0, 2.0]
        asked.post("/rewards", json={"prompt": ""})
        asked.get("/made/up")
        found = numbers(asked)
    assert found["rmcheck_requests_total", (("endpoint", "/rewards"), ("status", "200"))] == 1
    assert found["rmcheck_requests_total", (("endpoint", "/rewards"), ("status", "400"))] == 1
    assert found["rmcheck_requests_total", (("endpoint", "other"), ("status", "404"))] == 1
    assert found["rmcheck_request_seconds_count", (("endpoint", "/rewards"),)] == 2
    assert found["rmcheck_texts_total", IT] == 4
    assert found["rmcheck_ties_total", IT] == 2
    assert found["rmcheck_score_count", IT] == 4
    assert found["rmcheck_score_bucket", (("le", "1.0"), *IT)] == 1
    assert found["rmcheck_score_bucket", (("le", "2.0"), *IT)] == 4
    assert found["rmcheck_batch_texts_sum", ()] == 4
    assert found["rmcheck_queue_texts", ()] == 0
    assert not [name for name, _ in found if "drift" in name]  # no run to compare with


def test_the_distance_to_the_run_is_that_of_kolmogorov_and_smirnov() -> None:
    # Of the run's scores half are at most 5; the served ones are 1 to 5: the distance is 1/2.
    run = np.arange(1, 101) / 10
    with client(service(reference=run)) as asked:
        responses = ["x" * n for n in (1, 2, 3, 4, 5)] * 19
        asked.post("/rewards", json={"prompt": "", "responses": responses})
        assert ("rmcheck_score_drift", IT) not in numbers(asked)  # 95 texts are too few
        asked.post("/rewards", json={"prompt": "", "responses": responses[:5]})
        assert numbers(asked)["rmcheck_score_drift", IT] == pytest.approx(0.5)


def test_the_run_is_one_of_the_same_model(tmp_path: Path) -> None:
    run = build.record(build.suite(build.check()))
    rows = [build.score("a", 1, 0), build.score("b", 3, 2)]
    folders.write(tmp_path / "run", run, rows)
    missing, here = tmp_path / "missing", tmp_path / "run"
    found = reference(run.source.fingerprint, [missing, here])
    assert found is not None
    assert sorted(found) == [0, 1, 2, 3]
    assert reference("another", [here]) is None
    assert reference(None, [here]) is None
