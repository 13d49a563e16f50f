"""Texts on which transformations are tried: what they should change, and what they must not."""

from __future__ import annotations

from rmcheck.data import Dialogue, Message

CODE = """```python
# The color of the center
import os
import sys

def total(values):  # Sum them
    result = 0
    for value in values:
        result = result + value
    return result

print("it  is not",   total([1, 2]))
```"""

ENGLISH = f"""It is a good question. I don't know the color of the center, but the "big" house isn't
organized well - and there are 25000 people in it... Perhaps they will not stay.

## What to do
- **First point**: they are traveling to the theatre, which isn't open.
- Second point: it's 12,345 miles away – and the café “Blue” wasn’t cheap.

1. One thing is certain: you can not have both.
2. See https://example.com/color?don't=it%20is and `color  =  5`, or write to color@center.org.

{CODE}

Anna thinks that it costs $25000 in the end, e.g. with 3 + 4 = 7 parts.
The answer is $\\boxed{{42}}$.
He said that his brother is not happy. They have never seen anything like it!"""

QUESTION = """I think that Anna is right about the house. How do I organize the colors of it, and
is John from Springfield able to help me with the problem?"""

GERMAN = """Das ist eine gute Frage. Die Farbe "Blau" ist nicht organisiert - und es sind 25000
Menschen in der Stadt... Wir haben das Center nicht gesehen, aber der Color ist gut.

- Der erste Punkt
- Der zweite Punkt"""
CHINESE = "这是一个好问题。我不知道颜色,但是房子很大!有25000人在里面... 答案是42。"
ARABIC = "هذا سؤال جيد. لا أعرف اللون، لكن البيت كبير - وفيه 25000 شخص. الجواب هو 42."
HINDI = "यह एक अच्छा सवाल है। मुझे रंग नहीं पता, लेकिन घर बड़ा है। इसमें 25000 लोग हैं।"
FOREIGN = {"german": GERMAN, "chinese": CHINESE, "arabic": ARABIC, "hindi": HINDI}

OTHERS = (
    Dialogue("Where is Rome?", "Rome is the capital of Italy. It is an old city on a river."),
    Dialogue("What is water?", "Water is a liquid that all living things need. It boils at 100."),
)

CHAT = (
    Message("system", "You are a helpful assistant."),
    Message("user", "Hello, I am Anna."),
    Message("assistant", "Hello, how can I help you?"),
    Message("user", QUESTION),
)
