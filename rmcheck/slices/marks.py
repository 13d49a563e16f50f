"""What a text contains: code, numbers, Markdown, a refusal."""

from __future__ import annotations

import re

# As text, which `re` compiles and keeps at the first use: a gate that asks for none of these does
# not wait for it.
_CODE = (
    r"```"
    r"|^\s*(?:def \w+\(|class \w+[:(]|import \w|from \w+ import |for \w+ in .+:$"
    r"|(?:public|private|static) \w|function \w*\(|(?:const|let|var) \w+ ?=|#include\b"
    r"|SELECT .+ FROM )"
    r"|\b\w+\([^()\n]*\)(?: \{$|;$|:$)|[;{}]$|=>|\w+\.\w+\("
)
_NUMBERS = r"\d"
_MARKDOWN = (
    r"```|^#{1,6} \S|^\s*(?:[-*+•] |\d{1,2}[.)] )\S.*\n\s*(?:[-*+•] |\d{1,2}[.)] )\S"
    r"|\*\*\S[^*\n]*\*\*|^\|.*\|\s*$|\[[^\]\n]+\]\([^)\n]+\)"
)
_REFUSAL = (
    r"\b(?:i(?:'m| am) (?:really |very |so )?sorry|i apologi[sz]e"
    r"|i (?:can(?:'t|not)|could(?:n't| not)|won't|will not|would rather not|am not able to"
    r"|am unable to|must decline|have to decline|do not feel comfortable|don't feel comfortable)"
    r"|i'm (?:not able|unable|not comfortable|not going) to?"
    r"|as an ai\b|as a language model|against my (?:guidelines|policy|programming)"
    r"|unable to (?:help|assist|comply|provide)|can(?:'t|not) (?:help|assist) (?:you )?with)"
)


def code(text: str) -> bool:
    """Whether a text has a fence or a line that looks like a program's.

    >>> code("def f(x):\\n    return x"), code("Call me at ten; thanks.")
    (True, False)
    """
    return re.search(_CODE, text, re.MULTILINE) is not None


def numbers(text: str) -> bool:
    """Whether a text has a digit.

    >>> numbers("in 1969"), numbers("two")
    (True, False)
    """
    return re.search(_NUMBERS, text) is not None


def markdown(text: str) -> bool:
    """Whether a text has a heading, a list of two items, bold words, a table, a link or a fence.

    >>> markdown("- one\\n- two"), markdown("one - two")
    (True, False)
    """
    return re.search(_MARKDOWN, text, re.MULTILINE) is not None


def refusal(text: str) -> bool:
    """Whether a text has the usual words of an English refusal or apology.

    >>> refusal("I'm sorry, but I can't help with that."), refusal("You cannot park here.")
    (True, False)
    """
    return re.search(_REFUSAL, text.replace("’", "'"), re.IGNORECASE) is not None
