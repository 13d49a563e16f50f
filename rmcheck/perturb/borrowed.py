"""Text from elsewhere: from another answer, from the prompt, from another language."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rmcheck.data import Dialogue
from rmcheck.data.dialogue import Prompt
from rmcheck.perturb.places import cased, places, rewritten
from rmcheck.perturb.prose import english, sentences
from rmcheck.perturb.transformation import text_transformation, transformation

_TRIES = 20
_GERMAN: Mapping[str, str] = {
    "the": "der", "a": "ein", "an": "ein", "and": "und", "or": "oder", "but": "aber",
    "not": "nicht", "is": "ist", "are": "sind", "was": "war", "were": "waren", "be": "sein",
    "has": "hat", "have": "haben", "had": "hatte", "will": "wird", "can": "kann",
    "could": "könnte", "should": "sollte", "would": "würde", "must": "muss", "do": "tun",
    "does": "tut", "i": "ich", "you": "du", "he": "er", "she": "sie", "it": "es", "we": "wir",
    "they": "sie", "my": "mein", "your": "dein", "his": "sein", "her": "ihr", "our": "unser",
    "their": "ihr", "this": "dies", "that": "das", "these": "diese", "those": "jene",
    "what": "was", "who": "wer", "when": "wann", "where": "wo", "why": "warum", "how": "wie",
    "if": "wenn", "because": "weil", "then": "dann", "than": "als", "with": "mit",
    "without": "ohne", "for": "für", "from": "von", "to": "zu", "of": "von", "in": "in",
    "on": "auf", "at": "an", "by": "bei", "about": "über", "under": "unter", "after": "nach",
    "before": "vor", "between": "zwischen", "through": "durch", "more": "mehr", "most": "meist",
    "less": "weniger", "very": "sehr", "also": "auch", "only": "nur", "always": "immer",
    "never": "nie", "often": "oft", "here": "hier", "there": "dort", "now": "jetzt",
    "today": "heute", "yes": "ja", "no": "nein", "all": "alle", "some": "einige",
    "many": "viele", "each": "jeder", "other": "andere", "one": "eins", "two": "zwei",
    "three": "drei", "first": "erste", "good": "gut", "bad": "schlecht", "new": "neu",
    "old": "alt", "big": "groß", "small": "klein", "long": "lang", "short": "kurz",
    "water": "Wasser", "time": "Zeit", "day": "Tag", "year": "Jahr", "way": "Weg",
    "people": "Leute", "man": "Mann", "woman": "Frau", "child": "Kind", "house": "Haus",
    "city": "Stadt", "country": "Land", "world": "Welt", "work": "Arbeit", "life": "Leben",
    "make": "machen", "take": "nehmen", "go": "gehen", "come": "kommen", "see": "sehen",
    "know": "wissen", "think": "denken", "give": "geben", "find": "finden", "use": "nutzen",
    "help": "helfen", "write": "schreiben", "read": "lesen", "eat": "essen", "live": "leben",
    "need": "brauchen", "want": "wollen", "question": "Frage", "answer": "Antwort",
}  # fmt: skip
_WORD = re.compile(r"(?<![\w@./\\#'’-])[A-Za-z][a-z]*(?![\w@/\\('’-]|\.\w)")


def last_said(prompt: Prompt) -> str:
    """What the user asked: the prompt, or the last turn of the user in its messages."""
    if isinstance(prompt, str):
        return prompt
    return next((turn.content for turn in reversed(prompt) if turn.role == "user"), "")


def _other(
    dialogue: Dialogue, rng: random.Random, others: Sequence[Dialogue], *, whole: bool
) -> str | None:
    """A response, or a sentence of one, to another prompt."""
    for _ in range(_TRIES if others else 0):
        other = others[rng.randrange(len(others))]
        if other.prompt == dialogue.prompt or not other.response.strip():
            continue
        if whole:
            if other.response != dialogue.response:
                return other.response
            continue
        found = sentences(other.response)
        if found:
            start, end = rng.choice(found)
            said = other.response[start:end]
            if said not in dialogue.response:
                return said
    return None


@transformation("degrades", "response", "degrade", "borrowed", borrows=True)
def other_answer(
    dialogue: Dialogue, rng: random.Random, strength: float, others: Sequence[Dialogue]
) -> Dialogue | None:
    """The answer to another prompt; strength has no effect."""
    response = _other(dialogue, rng, others, whole=True)
    return None if response is None else replace(dialogue, response=response)


@transformation("degrades", "response", "degrade", "borrowed", "sentences", borrows=True)
def sentence_borrowed(
    dialogue: Dialogue, rng: random.Random, strength: float, others: Sequence[Dialogue]
) -> Dialogue | None:
    """A sentence of the answer to another prompt put in; strength has no effect."""
    found = sentences(dialogue.response)
    said = _other(dialogue, rng, others, whole=False) if found else None
    if said is None:
        return None
    at = rng.choice(found)[1]
    text = dialogue.response
    return replace(dialogue, response=f"{text[:at]} {said}{text[at:]}")


@transformation("degrades", "response", "degrade", "borrowed", idempotent=True)
def prompt_as_answer(
    dialogue: Dialogue, rng: random.Random, strength: float, others: Sequence[Dialogue]
) -> Dialogue | None:
    """The prompt repeated, without an answer; strength has no effect."""
    said = last_said(dialogue.prompt)
    if not said.strip() or not dialogue.response.strip():
        return None
    return replace(dialogue, response=said)


@text_transformation("degrades", "response", "degrade", "borrowed", english=True)
def foreign_words(text: str, rng: random.Random, strength: float) -> str | None:
    """Common words in German, word by word; the sentences make sense in no language."""

    def written(match: re.Match[str]) -> str | None:
        word = _GERMAN.get(match.group().lower())
        return word and cased(match.group(), word)

    return rewritten(text, places(_WORD, text, english(text), written), rng, strength)
