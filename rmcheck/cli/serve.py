"""`rmcheck serve`: a reward source as a server, and a page that compares responses."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmcheck.cache.store import ScoreStore
from rmcheck.cli.options import add_compute_options, positive, settings
from rmcheck.cli.output import tell
from rmcheck.cli.project import rooted
from rmcheck.engine import Settings
from rmcheck.errors import UsageError
from rmcheck.extras import needed_by
from rmcheck.progress import DIALOGUES, Progress
from rmcheck.record.run import RESULTS
from rmcheck.sources import create
from rmcheck.spec import redacted

if TYPE_CHECKING:
    from rmcheck.server.limits import Limits
    from rmcheck.server.model import ServedModel

TOKEN = "RMCHECK_SERVE_TOKEN"
"""The environment variable with the token that requests must bring."""


def add_commands(commands: Any) -> None:
    """Register it."""
    serve = commands.add_parser(
        "serve",
        help="serve a reward source over HTTP, with a page that compares responses",
        description="Answers the requests of vLLM (POST /classify, /score) and of Text Embeddings "
        "Inference (POST /predict) with the rewards of SPEC. The page at / compares responses to "
        f"a prompt. With the environment variable {TOKEN}, requests need that bearer token.",
    )
    serve.add_argument("spec", metavar="SPEC", help="reward source that scores any text (hf:PATH)")
    serve.add_argument("--beside", metavar="SPEC", help="a second source, for the page")
    serve.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    serve.add_argument(
        "--port", type=int, default=8000, help="port; 0 for any free one (default: %(default)s)"
    )
    serve.add_argument("--name", help="what requests call the model (default: SPEC)")
    serve.add_argument(
        "--no-token", action="store_true", help="let other machines in without a token"
    )
    serve.add_argument(
        "--no-cache", action="store_true", help="neither look scores up nor keep them on disk"
    )
    serve.add_argument(
        "--max-texts", type=positive, metavar="N", help="texts of a request (default: 1024)"
    )
    serve.add_argument(
        "--max-waiting", type=positive, metavar="N",
        help="texts that may wait; more get status 429 (default: 4096)",
    )  # fmt: skip
    serve.add_argument(
        "--max-mb", type=positive, metavar="N", help="size of a request in MB (default: 8)"
    )
    serve.add_argument(
        "--timeout", type=positive, metavar="SECONDS",
        help="how long a request may take (default: 60)",
    )  # fmt: skip
    add_compute_options(serve)
    serve.set_defaults(run=run_serve)


def run_serve(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    with needed_by("rmcheck serve"):
        from rmcheck.server.application import application
        from rmcheck.server.drift import Drift, reference
        from rmcheck.server.metrics import Metrics
        from rmcheck.server.run import listen, serve, url
        from rmcheck.server.service import Service

    token = _token(options)
    options.rm = options.spec
    chosen = settings(options)
    listening = listen(options.host, options.port)
    with listening:
        models = _models(options, chosen)
        runs = _runs(chosen)
        drifts = {model.name: Drift(reference(model.fingerprint, runs)) for model in models}
        limits = _limits(options)
        service = Service.of(models, Metrics(drifts), limits, token)
        names = " and ".join(model.name for model in models)
        notes = [note for model in models for note in model.source.remarks]

        def ready() -> None:
            tell(*dict.fromkeys(notes))
            tell(f"serving {names} on {url(listening, options.host)} (Ctrl-C stops)")
            sys.stdout.flush()  # who waits for this line may read it from a pipe

        serve(application(service), listening, limits.seconds, ready)
    tell("stopped")
    return 0


def _token(options: argparse.Namespace) -> str:
    """The token of the environment; refuses to let other machines in without one."""
    from rmcheck.server.run import is_loopback

    token = os.environ.get(TOKEN)
    if token is not None and not token.strip():
        raise UsageError(f"{TOKEN} is empty (is a variable unset?); give it a value, or unset it")
    if token is None and not is_loopback(options.host) and not options.no_token:
        raise UsageError(
            f"--host {options.host} lets other machines in, and {TOKEN} is not set; set it to a "
            "secret, or say --no-token"
        )
    return (token or "").strip()


def _limits(options: argparse.Namespace) -> Limits:
    from rmcheck.server.limits import MEGABYTE, Limits

    given = {
        "texts": options.max_texts,
        "waiting": options.max_waiting,
        "body": options.max_mb and options.max_mb * MEGABYTE,
        "seconds": options.timeout,
    }
    return Limits(**{key: value for key, value in given.items() if value is not None})


def _models(options: argparse.Namespace, chosen: Settings) -> Sequence[ServedModel]:
    """The models, loaded."""
    from rmcheck.server.model import ServedModel

    first = options.name or redacted(options.spec)
    specs = {first: chosen.source}
    if options.beside:
        beside = redacted(options.beside)
        if beside in specs:
            raise UsageError(f"--beside {beside}: this is the first model; name another one")
        specs[beside] = rooted(options.beside, chosen.root)
    given = replace(chosen.options, progress=_Quiet(chosen.progress))
    store = None if options.no_cache else ScoreStore(chosen.cache)
    models = [ServedModel(name, create(spec, given), store) for name, spec in specs.items()]
    for model in models:
        model.start()
    return models


class _Quiet:
    """Progress of a training, not of scoring, which every request does."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._quiet = False

    def start(self, title: str, total: int, unit: str) -> None:
        self._quiet = unit == DIALOGUES
        if not self._quiet:
            self._shown.start(title, total, unit)

    def advance(self, amount: int = 1, note: str = "") -> None:
        if not self._quiet:
            self._shown.advance(amount, note)

    def finish(self) -> None:
        if not self._quiet:
            self._shown.finish()


def _runs(chosen: Settings) -> list[Path]:
    """The last run of the gate, and the baselines, the newest first."""
    kept = [path.parent for path in chosen.baselines.rglob(RESULTS)]
    kept.sort(key=lambda run: (run / RESULTS).stat().st_mtime, reverse=True)
    return [chosen.report, *kept]
