"""What stands between a served model and its scores, found out by asking for a few texts.

Each probe asks for texts that differ in one thing only. A server that gives the same reward for
both does not read that thing; one that gives another reward where nothing differs is not exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.remote.profile import Asking, Input
from rmcheck.sources.served import ServedSource, between
from rmcheck.wording import counted

State = Literal["fine", "found", "unknown"]

QUESTIONS = (
    ("What is the capital of France?", "Paris."),
    ("What is the capital of France?", "I do not know, and I do not care."),
    ("How do I boil an egg?", "Put it into boiling water for seven minutes."),
    ("How do I boil an egg?", "An egg."),
    ("Is the earth flat?", "No. It is close to a sphere; ships sink below the horizon hull first."),
    ("Is the earth flat?", "Yes yes yes yes yes yes yes yes yes yes yes yes."),
    ("Write a haiku about rain.", "Rain on the tin roof, / each drop a small, patient word."),
    ("Write a haiku about rain.", "rain"),
    ("Translate 'good morning' to German.", "Guten Morgen."),
    ("Translate 'good morning' to German.", "Buenos días."),
    ("What is 17 times 3?", "51"),
    ("What is 17 times 3?", "17 times 3 is 41, as everybody knows."),
)  # fmt: skip
SAMPLES = tuple(Dialogue(prompt, response, f"sample {n}") for n, (prompt, response) in
                enumerate(QUESTIONS, start=1))  # fmt: skip
WORDS = 3000
"""Words of a long text: more than the 2,048 tokens at which some servers cut."""
SAME = 1e-6
"""Rewards closer than this, as a share of the largest, are the same one."""
ROUNDING = 1e-3
"""What another batch may change without being more than rounding."""


@dataclass(frozen=True)
class Finding:
    """What a probe found: nothing to worry about, a cause of other scores, or nothing sure."""

    name: str
    state: State
    said: str


def probes(source: ServedSource) -> Iterator[Finding]:
    """The findings of every probe, in order; a probe that the server refuses says so."""
    for name, probe in PROBES.items():
        try:
            state, said = probe(source)
        except SourceError as error:
            state, said = "unknown", f"the server refused the probe: {error.args[0]}"
        yield Finding(name, state, said)


Said = tuple[State, str]


def _scores(source: ServedSource, inputs: Sequence[Input], asking: Asking | None = None,
            batch: int | None = None) -> NDArray[np.float64]:  # fmt: skip
    return np.array(source.ask(inputs, asking, batch))


def _activation(source: ServedSource) -> Said:
    scores = _scores(source, source.texts.inputs(SAMPLES))
    told = between(scores.tolist())
    if told:
        return "found", f"{told}; differences of scores are then not differences of rewards"
    return "fine", (
        f"{len(scores)} scores from {scores.min():.3g} to {scores.max():.3g}, as raw rewards are"
    )


def _template(source: ServedSource) -> Said:
    texts = source.texts
    if texts.form == "messages":
        return "unknown", "the server formats the conversations; which template it uses is not told"
    name = texts.layout.template
    if "messages" not in source.settings.profile.forms:
        return "unknown", f"the server formats nothing; texts are written here (template {name})"
    ours = _scores(source, texts.inputs(SAMPLES[:4]))
    asking = replace(source.asking, form="messages")
    inputs = [Input(one.prompt, one.response) for one in SAMPLES[:4]]
    try:
        theirs = _scores(source, inputs, asking, 1)
    except SourceError as error:
        return (
            "fine",
            f"template {name}; the server has no chat template of its own ({_last(error)})",
        )
    apart = float(np.abs(ours - theirs).max())
    if _close(ours, theirs, ROUNDING):
        return "fine", f"template {name} gives the rewards of the server's own chat template"
    return "found", (
        f"the server's own chat template gives other rewards than template {name} (up to "
        f"{apart:.3g} apart); if the model was trained on chats, use template=messages, or "
        "tokenizer=FOLDER"
    )


def _start_token(source: ServedSource) -> Said:
    """Whether a text that has its start token gets another one."""
    texts = source.texts
    tokenizer = texts.tokenizer
    if tokenizer is None or tokenizer.bos_token_id is None:
        what = "the tokenizer has no start token" if tokenizer else "it needs tokenizer=FOLDER"
        return "unknown", f"whether a text gets two start tokens is not known; {what}"
    if "ids" not in source.settings.profile.forms:
        return "unknown", (
            "the server takes no token ids, so that two start tokens cannot be told from one; "
            "compare with the local model: rmcheck compare hf:FOLDER URL"
        )
    bos = int(tokenizer.bos_token_id)
    one = SAMPLES[0]
    text = "".join(tokenizer.decode(ids) for ids in [texts.tokens.encode([one])[0].tolist()])
    plain = tokenizer(text, add_special_tokens=False)["input_ids"]
    body = plain[1:] if plain[:1] == [bos] else plain
    by_ids = replace(source.asking, form="ids")
    single, double = _scores(
        source,
        [Input("", "", ids=(bos, *body)), Input("", "", ids=(bos, bos, *body))],
        by_ids,
        1,
    )
    marked = f"{tokenizer.bos_token}{tokenizer.decode(body)}"
    (as_text,) = _scores(
        source, [Input("", "", text=marked)], replace(source.asking, form="text", special=True), 1
    )
    if _close([single], [double], SAME):
        return "fine", "a second start token does not change the reward of this model"
    if _close([as_text], [double], ROUNDING):
        rest = (
            "token ids are sent, so that it does not happen here"
            if texts.form == "ids"
            else "give tokenizer=FOLDER, so that token ids are sent"
        )
        return ("fine" if texts.form == "ids" else "found"), (
            f"the server adds a start token to a text that has one ({as_text:.4g} instead of "
            f"{single:.4g}); {rest}"
        )
    if _close([as_text], [single], ROUNDING):
        return "fine", "a text with its start token gets no second one"
    return "unknown", "the reward of a text with its start token is that of neither one nor two"


def _cut(source: ServedSource) -> Said:
    """Whether a long text is read whole: its beginning and its end are changed in turn."""
    limit = source.known.identity.max_length
    words = max(WORDS, int(1.5 * limit)) if limit else WORDS
    asking = source.asking
    if asking.form == "ids":
        if source.texts.limit:
            return "fine", (
                f"texts are cut here to {source.texts.limit:,} tokens, the start of the prompt "
                "first, and counted"
            )
        asking = replace(asking, form="text", special=True)
    filler = " ".join(["and then it rained"] * (words // 4))
    ends = (("Monday", "sunshine."), ("Monday", "a storm."), ("Friday", "sunshine."))
    texts = [f"{start} {filler} {end}" for start, end in ends]
    inputs = [Input(text, text, text) for text in texts]
    if asking.form == "messages":
        inputs = [Input("Tell me about the weather.", text) for text in texts]
    try:
        first, other_end, other_start = _scores(source, inputs, asking, 1)
    except SourceError as error:
        return (
            "fine",
            f"a text of {words:,} words is refused, not cut without a word: {_last(error)}",
        )
    if _close([first], [other_end], SAME):
        return "found", (
            f"of a text of {words:,} words the end is not read, and that is where a reward is "
            "decided; raise the server's length limit, or shorten the texts"
        )
    if _close([first], [other_start], SAME):
        return "found", f"of a text of {words:,} words the beginning is not read"
    return "fine", f"a text of {words:,} words is read whole"


def _white_space(source: ServedSource) -> Said:
    one = SAMPLES[0]
    changed = [replace(one, response=text) for text in (f"{one.response}\n", f"{one.response}  ")]
    asking = source.asking
    if asking.form == "ids":
        return "fine", "token ids are sent, so that nothing is removed"
    plain, *others = _scores(source, source.texts.inputs([one, *changed]), asking, 1)
    if all(_close([plain], [other], SAME) for other in others):
        return "found", (
            "white space at the end of a text does not change its reward: it is removed, and a "
            "template that ends with a line break loses it"
        )
    return "fine", "white space at the end of a text is read"


def _batch(source: ServedSource) -> Said:
    if source.batch == 1:
        return "fine", "one text in a request"
    inputs = source.texts.inputs(SAMPLES)
    together = _scores(source, inputs, batch=len(inputs))
    alone = _scores(source, inputs, batch=1)
    apart = np.abs(together - alone)
    if not apart.max():
        return "fine", "a text has the same reward, to the bit, alone and in a batch"
    said = (
        f"{counted(int((apart > 0).sum()), 'reward')} of {len(inputs)} differ in a batch, by up to"
    )
    if _close(together, alone, ROUNDING):
        return "fine", f"{said} {apart.max():.2g}, as rounding does"
    return "found", f"{said} {apart.max():.3g}; ask with batch=1, and look at the server's padding"


def _order(source: ServedSource) -> Said:
    if source.batch == 1:
        return "fine", "one text in a request"
    inputs = source.texts.inputs(SAMPLES)
    forward = _scores(source, inputs, batch=len(inputs))
    backward = _scores(source, inputs[::-1], batch=len(inputs))[::-1]
    if _close(forward, backward, ROUNDING):
        return "fine", "the rewards are in the order of the texts"
    return "found", (
        f"the rewards of a batch and of the same batch in reverse are up to "
        f"{np.abs(forward - backward).max():.3g} apart; ask with batch=1"
    )


def _repeat(source: ServedSource) -> Said:
    inputs = source.texts.inputs([SAMPLES[2]] * 3)
    scores = _scores(source, inputs, batch=1)
    if scores.max() == scores.min():
        return "fine", "a text has the same reward each time"
    state: State = "fine" if _close(scores, scores[::-1], ROUNDING) else "found"
    return state, f"one text has rewards from {scores.min():.6g} to {scores.max():.6g}"


def _close(one: object, other: object, share: float) -> bool:
    mine, theirs = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    scale = max(1e-12, float(np.abs(mine).max()), float(np.abs(theirs).max()))
    return bool(np.abs(mine - theirs).max() <= share * scale)


def _last(error: SourceError) -> str:
    """What the server said, without the name of the source."""
    words = str(error.args[0]).rpartition("HTTP ")[2]
    return words if len(words) <= 100 else f"{words[:99]}…"


PROBES: dict[str, Callable[[ServedSource], Said]] = {
    "activation": _activation,
    "template": _template,
    "two start tokens": _start_token,
    "silent cut": _cut,
    "white space": _white_space,
    "batch": _batch,
    "order": _order,
    "repetition": _repeat,
}
"""The probes by name."""
