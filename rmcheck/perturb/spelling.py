"""British and American spelling."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping

from rmcheck.perturb.places import cased, opens_sentence, places, rewritten
from rmcheck.perturb.prose import english
from rmcheck.perturb.transformation import text_transformation

# Words that have another meaning in one of the two (meter, check, program, tire, license,
# practice) are missing on purpose, and so are words that both spell alike (humorous, vigorous).
_OUR = """col fav flav hon hum lab neighb behavi harb rum od endeav sav parl arm cand clam ferv
splend tum val vap"""
_OUR_MORE = """colorful colorless colored coloring flavorful favorable favorably favorite favorites
honorable honored honoring neighborhood neighborhoods neighboring behavioral labored laborer
laborers rumored harbored endeavored endeavoring flavored flavoring savored savory
armored"""
_IZE = """organ real recogn apolog critic emphas summar memor minim maxim priorit optim categor
custom familiar general special standard symbol util visual stabil normal final initial character
author modern popular random serial token"""
_YZE = "anal paral catal"
_RE = "cent theat fib lit kilomet centimet millimet somb lust"
_DOUBLED = """travel cancel label model level signal fuel quarrel marvel channel tunnel
counsel"""
_PAIRS = {
    "catalog": "catalogue", "catalogs": "catalogues", "jewelry": "jewellery",
    "marvelous": "marvellous", "skillful": "skilful", "skillfully": "skilfully",
    "fulfill": "fulfil", "fulfills": "fulfils", "fulfillment": "fulfilment", "enroll": "enrol",
    "enrollment": "enrolment", "installment": "instalment", "installments": "instalments",
    "defense": "defence", "defenses": "defences", "offense": "offence", "offenses": "offences",
    "pretense": "pretence", "gray": "grey", "grays": "greys", "grayish": "greyish",
    "plow": "plough", "plows": "ploughs", "airplane": "aeroplane", "airplanes": "aeroplanes",
    "aluminum": "aluminium", "mom": "mum", "moms": "mums", "math": "maths", "cozy": "cosy",
    "pajamas": "pyjamas", "mustache": "moustache", "skeptical": "sceptical",
    "skeptic": "sceptic", "skepticism": "scepticism", "artifact": "artefact",
    "artifacts": "artefacts", "maneuver": "manoeuvre", "maneuvers": "manoeuvres",
    "pediatric": "paediatric", "pediatrician": "paediatrician", "anesthesia": "anaesthesia",
    "estrogen": "oestrogen", "diarrhea": "diarrhoea", "judgment": "judgement",
    "judgments": "judgements", "acknowledgment": "acknowledgement", "aging": "ageing",
    "donut": "doughnut", "donuts": "doughnuts", "omelet": "omelette", "omelets": "omelettes",
    "yogurt": "yoghurt", "yogurts": "yoghurts", "centered": "centred", "centering": "centring",
    "traveler": "traveller", "travelers": "travellers", "counselor": "counsellor",
    "counselors": "counsellors", "analyzer": "analyser", "organizer": "organiser",
    "organizers": "organisers",
}  # fmt: skip


def _families() -> Iterator[tuple[str, str]]:
    for stem in _OUR.split():
        for end in ("", "s"):
            yield f"{stem}or{end}", f"{stem}our{end}"
    for word in _OUR_MORE.split():
        yield word, word.replace("or", "our", 1)
    for stem in _IZE.split():
        for end in ("e", "es", "ed", "ing", "ation", "ations"):
            yield f"{stem}iz{end}", f"{stem}is{end}"
    for stem in _YZE.split():
        for end in ("e", "ed", "ing"):
            yield f"{stem}yz{end}", f"{stem}ys{end}"
    for stem in _RE.split():
        for end in ("", "s"):
            yield f"{stem}er{end}", f"{stem}re{end}"
    for stem in _DOUBLED.split():
        for end in ("ed", "ing"):
            yield f"{stem}{end}", f"{stem}l{end}"
    yield from _PAIRS.items()


TO_BRITISH: Mapping[str, str] = dict(_families())
TO_AMERICAN: Mapping[str, str] = {british: american for american, british in _families()}
_WORD = re.compile(r"(?<![\w.@/\\#'’-])[A-Za-z][a-z]{2,}(?![\w@/\\(]|\.\w)")


def _respelled(
    text: str, words: Mapping[str, str], rng: random.Random, strength: float
) -> str | None:
    def written(match: re.Match[str]) -> str | None:
        found = match.group()
        after = words.get(found.lower())
        # A capital within a sentence is that of a name: Pearl Harbor, John Gray.
        if after is None or (found[0].isupper() and not opens_sentence(text, match.start())):
            return None
        return cased(found, after)

    return rewritten(text, places(_WORD, text, english(text), written), rng, strength)


@text_transformation("preserves", "response", "spelling", "style", idempotent=True, english=True)
def british_spelling(text: str, rng: random.Random, strength: float) -> str | None:
    """Words in American spelling in British spelling (color, colour)."""
    return _respelled(text, TO_BRITISH, rng, strength)


@text_transformation("preserves", "response", "spelling", "style", idempotent=True, english=True)
def american_spelling(text: str, rng: random.Random, strength: float) -> str | None:
    """Words in British spelling in American spelling (centre, center)."""
    return _respelled(text, TO_AMERICAN, rng, strength)
