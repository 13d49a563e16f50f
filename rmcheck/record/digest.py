"""A hash of all that a check's verdict depends on: two runs with the same one must agree."""

from __future__ import annotations

import hashlib
import json

from rmcheck.record.run import CheckRecord, RunRecord, SuiteRecord


def digest(record: RunRecord, suite: SuiteRecord, check: CheckRecord) -> str:
    """A hash of all that a check's verdict depends on; empty where that is not known.

    Unknown are the inputs of a source without a fingerprint, and of runs that recorded none.
    """
    source = suite.source or record.source
    if record.inputs is None or source.fingerprint is None or not suite.hash:
        return ""
    known = {
        "check": check.id,
        "kind": check.kind,
        "suite": suite.hash,
        "data": suite.data.hash,
        "source": source.fingerprint,
        "baseline": record.baseline and record.baseline.model_dump(),
        "pins": sorted(pin.id for pin in check.evidence.pins),
        "seed": record.seed,
        "rmcheck": record.rmcheck,
        "python": record.environment.python,
        "platform": record.environment.platform,
        "dtype": record.environment.dtype,
        "inputs": record.inputs.model_dump(),
    }
    text = json.dumps(known, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
