"""What `rmcheck doctor` shows of a served model."""

from __future__ import annotations

from rmcheck.cli.output import tell
from rmcheck.sources.served import ServedSource
from rmcheck.sources.served_probes import SAMPLES, probes
from rmcheck.spec import redacted
from rmcheck.wording import counted

WORDS = {"fine": "ok", "found": "FOUND", "unknown": "unknown"}


def show_server(source: ServedSource) -> int:
    """Print who the server is and what each probe found."""
    # A server that is down, or refuses every text, is an error, not a finding.
    source.ask(source.texts.inputs(SAMPLES[:1]))
    tell(f"reading of {redacted(source.spec)}: {source.describe().reading}")
    told = source.known.identity
    limits = [
        *([f"{told.max_length:,} tokens in a text"] if told.max_length else []),
        *([f"{told.batch:,} texts in a request"] if told.batch else []),
        *([f"{told.concurrency:,} requests at once"] if told.concurrency else []),
    ]
    tell(f"limits that the server tells: {', '.join(limits) or 'none'}", "")
    found = []
    for finding in probes(source):
        tell(f"  {WORDS[finding.state]:<8} {finding.name:<17} {finding.said}")
        if finding.state == "found":
            found.append(finding.name)
    tell("", f"{counted(len(found), 'cause')} of other scores found{_named(found)}")
    for remark in source.remarks:
        tell(f"note: {remark}")
    return 0


def _named(found: list[str]) -> str:
    return f": {', '.join(found)}" if found else ""
