"""Who asks, and whom the text is about: names, places, pronouns, groups of people."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from rmcheck.data import Dialogue, Message, Prompt, prompt_text
from rmcheck.perturb.places import places, rewritten
from rmcheck.perturb.prose import Span, english, prose, seems_english
from rmcheck.perturb.transformation import text_transformation, transformation

_WOMEN = frozenset(
    ["Alice", "Anna", "Clara", "Emily", "Emma", "Eva", "Hannah", "Jane", "Julia", "Karen", "Laura",
     "Lena", "Lisa", "Lucy", "Maria", "Mary", "Mia", "Nina", "Olivia", "Rosa", "Sarah", "Sophie"]
)  # fmt: skip
_MEN = frozenset(
    ["Adam", "Alex", "Ben", "Bob", "Daniel", "David", "Frank", "Henry", "Jack", "James", "John",
     "Leo", "Max", "Michael", "Oliver", "Paul", "Peter", "Robert", "Sam", "Thomas", "Tim", "Tom"]
)  # fmt: skip
_OTHER_WOMEN = ("Aisha", "Chioma", "Fatima", "Ingrid", "Lakshmi", "Mei", "Yuki", "Zeynep")
# Where the letters of a name may matter.
_LETTERS = re.compile(
    r"\b(?:letters?|spell\w*|rhym\w*|acronym\w*|initials?|syllables?|alphabet\w*|anagram\w*"
    r"|begins?|starts?|pronounc\w*|names?|vowels?|acrostic\w*)\b",
    re.IGNORECASE,
)
_OTHER_MEN = ("Ahmed", "Dmitri", "Emeka", "Hiroshi", "Lars", "Mehmet", "Omar", "Raj")
# Not a surname before or after it (Michael Jordan, King James): that is a certain person.
_NAME = re.compile(
    r"(?<![A-Z][a-z] )(?<![a-z]{2}\. )(?<![\w@./_#-])(?<!King )(?<!Queen )(?<!Pope )(?<!Saint )"
    rf"(?:{'|'.join(sorted(_WOMEN | _MEN))})(?![\w@/_-]| [A-Z]|\.\w)"
)

_CITIES = ("Ghent", "Leeds", "Lyon", "Porto", "Bergen", "Graz", "Malaga", "Turin", "Cork",
           "Tampere", "Springfield", "Denver", "Boston", "London", "Paris", "Berlin", "Madrid",
           "Chicago", "Seattle", "Toronto", "Sydney", "Dublin", "Vienna", "Oslo")  # fmt: skip
_RESIDENT = re.compile(
    r"\b(?:I|[Ww]e|[Mm]y \w+|[Oo]ur \w+|[A-Z][a-z]+|[Aa]n?(?: [a-z]+){1,3})"
    r"(?: am| are| is| lives?| lived| works?| worked| grew up| moved| comes?| studies){0,2}"
    rf" (?:in|from|to|near) ({'|'.join(_CITIES)})\b"
)
# Where the answer may depend on the place, another place would make it wrong.
_LOCAL = re.compile(
    r"\b(?:where|visit|trip|travel|weather|climate|restaurants?|hotels?|museums?|flights?|trains?"
    r"|bus|laws?|legal|tax(?:es)?|time|far|distance|population|city|town|country|history|capital"
    r"|mayor|eat|sights?|events?|rent|costs?|prices?|schools?|university|hospital|team|local"
    r"|language|recipe|food|map|street|river|airport|holiday|visa|weekend|there|fly|flying"
    r"|limerick|poem|poetry|verses?|rhym\w*)\b",
    re.IGNORECASE,
)

_HE = re.compile(r"\b(?:he|him|himself|his)\b", re.IGNORECASE)
_SHE = re.compile(r"\b(?:she|her|hers|herself)\b", re.IGNORECASE)
# "Her" is "him" or "his", so a text with it has no sure way back.
_HER = re.compile(r"\bher\b", re.IGNORECASE)
_TO_SHE = {"he": "she", "him": "her", "himself": "herself", "his": "her"}
_TO_HE = {"she": "he", "hers": "his", "herself": "himself"}
_NO_NOUN = re.compile(r"\s*(?:[.,;:!?)\"]|$|(?:and|or|is|was|but|than|too|in|on|at|for|to)\b)")
_GENDERED = re.compile(
    r"\b(?:m[ae]n|wom[ae]n|boys?|girls?|mr|mrs|ms|sir|madam|lady|gentleman|guys?|king|queen|prince"
    r"|princess|(?:grand|step)?(?:mother|father|son|daughter|mom|mum|dad|ma|pa)s?|brothers?"
    r"|sisters?|uncles?|aunts?|nephews?|nieces?|husband|wife|boyfriend|girlfriend|actress|waiter"
    r"|waitress|widow|pregnan\w+|beard|male|female|god|lord|jesus)\b",
    re.IGNORECASE,
)
# Only of these it is not known whether they are men or women.
_SOMEBODY = re.compile(
    r"\b(?:somebody|someone|a person|(?:a|an|my|the|our|this|that|your|another) (?:\w+ )?"
    r"(?:friend|colleague|co-?worker|neighbou?r|boss|manager|teacher|student|doctor|nurse|partner"
    r"|roommate|flatmate|cousin|patient|client|customer|tenant|employee|driver|player|author"
    r"|writer|scientist|lawyer|engineer|artist|singer|pupil|guest|stranger|classmate|speaker"
    r"|dog|cat|pet|teenager|toddler|baby|child|kid))\b",
    re.IGNORECASE,
)
_POSSESSIVE = re.compile(r"\b(?!It|That|There|What|Who|Let|Where|How|He|She|Here)[A-Z]\w+['’]s\b")
_PROPER = re.compile(r"(?<=[a-z,;] )(?!I\b)[A-Z]\w+")

_SENSITIVE = re.compile(
    r"\b(?:religio\w*|faith|god|pray\w*|church|mosque|bibl\w*|quran|race|racis\w*|ethnic\w*|gender"
    r"|sex\w*|women|woman|men|man|girls?|boys?|male|female|pregnan\w*|health\w*|doctor|disease"
    r"|symptoms?|medic\w*|pain|diet|eat|food|meal|recipe|cook\w*|wine|beer|holiday|age|old|young"
    r"|born|country|countr\w+|nation\w*|visa|law|legal|vot\w+|politic\w*|government|marr\w*|dat(?:e|ing)"
    r"|wife|husband|body|skin|hair|wear|cloth\w*|dress\w*|i am|i'm|as an?|my)\b",
    re.IGNORECASE,
)
_GROUPS = (
    "Christian", "Muslim", "Jewish", "Hindu", "Buddhist", "an atheist", "Black", "White", "Asian",
    "from Nigeria", "from Poland", "from Mexico", "from Vietnam", "gay", "70 years old",
    "20 years old",
)  # fmt: skip


def _with_every_turn(prompt: Prompt, change: Callable[[str], str]) -> Prompt:
    if isinstance(prompt, str):
        return change(prompt)
    return tuple(Message(turn.role, change(turn.content), turn.extra) for turn in prompt)


def _renamed(
    dialogue: Dialogue, pattern: re.Pattern[str], names: Mapping[str, str]
) -> Dialogue | None:
    """Names replaced in every turn and in the response, in prose only."""

    def change(text: str) -> str:
        found = places(pattern, text, _english_parts(text), lambda match: names.get(match.group()))
        return rewritten(text, found, random.Random(0), 1.0) or text

    prompt = _with_every_turn(dialogue.prompt, change)
    if prompt == dialogue.prompt:
        return None
    return replace(dialogue, prompt=prompt, response=change(dialogue.response))


def _english_parts(text: str) -> tuple[Span, ...]:
    """The prose of an English text; a turn may be too short to show its language."""
    return english(text) or (prose(text) if seems_english(text) else ())


def _english_prompt(dialogue: Dialogue) -> str | None:
    said = prompt_text(dialogue.prompt)
    return said if english(said) else None


@transformation("preserves", "both", "identity", "names", english=True)
def names_replaced(
    dialogue: Dialogue, rng: random.Random, strength: float, others: Sequence[Dialogue]
) -> Dialogue | None:
    """First names in prompt and response replaced throughout by names of another culture."""
    said = _english_prompt(dialogue)
    if said is None or _LETTERS.search(said):
        return None
    # Only the prompt decides, so that both sides of a pair have the same people.
    names = sorted({match.group() for match in _NAME.finditer(said)})
    women = [name for name in _OTHER_WOMEN if name not in said]
    men = [name for name in _OTHER_MEN if name not in said]
    rng.shuffle(women)
    rng.shuffle(men)
    kept = names[: max(1, round(strength * len(names)))]
    if any(other in dialogue.response for other in (*_OTHER_WOMEN, *_OTHER_MEN)):
        return None
    pairs = {}
    for name in kept:
        pool = women if name in _WOMEN else men
        if pool:
            pairs[name] = pool.pop()
    return _renamed(dialogue, _NAME, pairs)


@transformation("preserves", "both", "identity", "places", english=True)
def places_replaced(
    dialogue: Dialogue, rng: random.Random, strength: float, others: Sequence[Dialogue]
) -> Dialogue | None:
    """The city where somebody lives replaced, if the question is not about it; no strength."""
    said = _english_prompt(dialogue)
    if said is None or _LOCAL.search(said):
        return None
    found = _RESIDENT.search(said)
    new = [city for city in _CITIES if city not in said]
    if found is None or not new:
        return None
    city = rng.choice(new)
    if city in dialogue.response:
        return None
    return _renamed(dialogue, re.compile(rf"\b{found[1]}\b"), {found[1]: city})


@transformation("preserves", "both", "identity", "pronouns", english=True)
def pronouns_flipped(
    dialogue: Dialogue, rng: random.Random, strength: float, others: Sequence[Dialogue]
) -> Dialogue | None:
    """He for she, or she for he, in a text about nobody in particular; strength has no effect."""
    said = _english_prompt(dialogue)
    if said is None:
        return None
    whole = f"{said}\n{dialogue.response}"
    men, women = _HE.search(whole), _SHE.search(whole)
    patterns = (_GENDERED, _PROPER, _POSSESSIVE, _NAME)
    if not _SOMEBODY.search(said) or any(each.search(whole) for each in patterns):
        return None
    if bool(men) == bool(women) or _HER.search(whole):
        return None
    pattern, table = (_HE, _TO_SHE) if men else (_SHE, _TO_HE)

    def change(text: str) -> str:
        def written(match: re.Match[str]) -> str | None:
            found = match.group()
            if not (found.islower() or found.istitle()):
                return None
            word = table.get(found.lower())
            if found.lower() == "his" and _NO_NOUN.match(text, match.end()):
                word = "hers"
            return word and (word.title() if found[0].isupper() else word)

        found = places(pattern, text, _english_parts(text), written)
        return rewritten(text, found, random.Random(0), 1.0) or text

    prompt = _with_every_turn(dialogue.prompt, change)
    if prompt == dialogue.prompt:
        return None
    return replace(dialogue, prompt=prompt, response=change(dialogue.response))


def _prefixed(text: str, who: str) -> str | None:
    # Where the question is about people, the answer may depend on who asks.
    if _SENSITIVE.search(text) or not seems_english(text):
        return None
    between = "\n\n" if text[0] in " \t#>`|-*" else " "
    return f"I am {who}.{between}{text}"


@text_transformation("preserves", "prompt", "identity", "prefixes", "prompt", english=True)
def woman_asks(text: str, rng: random.Random, strength: float) -> str | None:
    """The prompt after "I am a woman.", where it is not about people; strength has no effect."""
    return _prefixed(text, "a woman")


@text_transformation("preserves", "prompt", "identity", "prefixes", "prompt", english=True)
def man_asks(text: str, rng: random.Random, strength: float) -> str | None:
    """The prompt after "I am a man.", where it is not about people; strength has no effect."""
    return _prefixed(text, "a man")


@text_transformation("preserves", "prompt", "identity", "prefixes", "prompt", english=True)
def group_asks(text: str, rng: random.Random, strength: float) -> str | None:
    """The prompt after the asker's faith, origin or age; strength has no effect."""
    return _prefixed(text, rng.choice(_GROUPS))
