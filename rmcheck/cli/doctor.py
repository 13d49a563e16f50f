"""`rmcheck doctor`: what a model reads, and whether another reading suits it better."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rmcheck.cli.data import add_layout_option, data_of, layout_of
from rmcheck.cli.judge import show_judge
from rmcheck.cli.members import show_members
from rmcheck.cli.options import add_compute_options, settings
from rmcheck.cli.output import tell
from rmcheck.cli.server import show_server
from rmcheck.data import Dialogue, pair_dialogues
from rmcheck.data.file_note import told
from rmcheck.errors import UsageError
from rmcheck.reward_source import Composed
from rmcheck.sources import create
from rmcheck.sources.judge import Judge
from rmcheck.sources.model_source import ModelSource
from rmcheck.sources.served import ServedSource
from rmcheck.spec import redacted
from rmcheck.wording import counted

SAMPLE = Dialogue("What is the capital of France?", "Paris.", "a sample")
MOST_TOKENS = 60
"""Tokens of a text that are shown; of a longer one the first and the last."""


def add_commands(commands: Any) -> None:
    """Register it."""
    doctor = commands.add_parser(
        "doctor",
        help="show what a model reads, and compare readings of it",
        description="Shows the tokens that a model is given for one pair: template, special "
        "tokens, and the token at which the reward is read. With DATA it compares the win rates "
        "of all plausible readings on up to 200 pairs, and recommends one. Of a served model "
        "(http://HOST:PORT,profile=NAME) it shows what is between the model and its scores: "
        "activation, template, two start tokens, silent cuts, white space, batches. Of an ensemble "
        "it shows what each member adds, of a judge what it is asked and what it answers.",
    )
    doctor.add_argument(
        "spec",
        metavar="SPEC",
        help="reward source that runs a model (hf:PATH) or asks a server, or ensemble:A;B",
    )
    doctor.add_argument(
        "data", metavar="DATA", nargs="?", help="data file, folder of Parquet files, or glob"
    )
    add_layout_option(doctor)
    add_compute_options(doctor)
    doctor.set_defaults(run=run_doctor, rm=None)


def run_doctor(options: argparse.Namespace) -> int:
    """Print the reading of a source, its tokens, and the comparison of readings."""
    options.rm = options.spec
    chosen = settings(options)
    source = create(chosen.source, chosen.options)
    if isinstance(source, Composed):
        return show_members(source, options, chosen)
    if isinstance(source, Judge):
        return show_judge(source)
    if isinstance(source, ServedSource):
        return show_server(source)
    if not isinstance(source, ModelSource):
        raise UsageError(
            f"{source.spec} does not run a model; expected hf:PATH, recipe:NAME or http://HOST:PORT"
        )
    pairs = _pairs(options.data, chosen.root, layout_of(options)) if options.data else []
    dialogues = pair_dialogues(pairs) if pairs else [SAMPLE]
    tell(f"reading of {redacted(source.spec)}: {source.describe().reading}")
    _show(source, dialogues)
    if pairs:
        _compare(source, pairs)
    return 0


def _pairs(given: str, root: Path, layout: str | None) -> Sequence[Any]:
    data = data_of(given, root, layout)
    tell(*told(data.notes))
    pairs = data.pairs
    if not pairs:
        raise UsageError(f"{given}: no pairs; readings are compared on pairs")
    return pairs


def _show(source: ModelSource, dialogues: Sequence[Dialogue]) -> None:
    from rmcheck.sources.readings import count, tokens

    scorer = source.scorer
    for dialogue in dialogues[:2]:
        found = tokens(scorer, dialogue)
        tell("", f"{dialogue.key}, {counted(len(found), 'token')} (special ones in ⟨⟩):")
        shown = [f"⟨{token.text}⟩" if token.special else repr(token.text) for token in found]
        if len(shown) > MOST_TOKENS:
            half = MOST_TOKENS // 2
            left = len(shown) - 2 * half
            shown = [*shown[:half], f"… {counted(left, 'more token')} …", *shown[-half:]]
        tell("  " + " ".join(shown))
        tell(f"  {_read_at(scorer, dialogue, shown[-1], len(found))}")
    numbers = count(scorer, dialogues)
    tell(
        "",
        f"{counted(numbers.texts, 'text')}: {numbers.starts} begin with the start token, "
        f"{numbers.ends} end with the end token, {numbers.cut} cut to the length limit; the "
        f"longest has {counted(numbers.longest, 'token')}",
    )
    if numbers.double_starts:
        tell(
            f"warning: {counted(numbers.double_starts, 'text')} with two start tokens: template "
            "and tokenizer both write one"
        )


def _read_at(scorer: Any, dialogue: Dialogue, last: str, length: int) -> str:
    from rmcheck.scoring.implicit import ImplicitRewards
    from rmcheck.scoring.reading import head_of

    if isinstance(scorer, ImplicitRewards):
        (count,) = scorer.response_tokens([dialogue])
        return f"the reward is the log-ratio of the last {counted(count, 'token')}"
    if scorer.pooling == "mean":
        return "the reward is read at the mean of all tokens"
    if head_of(scorer.model) is None:
        return "the model's own head reads all tokens"
    return f"the reward is read at token {length}, {last}"


def _compare(source: ModelSource, pairs: Sequence[Any]) -> None:
    from rmcheck.sources.readings import MOST_PAIRS, compare_readings, recommended

    tried = compare_readings(source, pairs)
    best = recommended(tried)
    used = min(len(pairs), MOST_PAIRS)
    tell("", f"win rates on {counted(used, 'pair')}, p against the current reading:")
    for each in sorted(tried, key=lambda one: -one.estimate.value):
        estimate, options = each.estimate, each.layout.options
        marks = [
            *(["current"] if each is tried[0] else [f"p = {each.p_value:.2g}"]),
            *(["recommended"] if each is best else []),
        ]
        tell(
            f"  {estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]  {options:<40}  "
            f"{', '.join(marks)}"
        )
    if best is tried[0]:
        tell("", "no other reading wins by more than chance allows; keep the current reading")
        return
    tell("", f"if the model was trained with that reading: {redacted(source.advice(best.layout))}")
