"""Words of a question: what the patterns of several kinds of question share, and the singular of a phrase."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

REGIONS = ("left", "right", "top", "bottom", "middle")

# Parts of patterns, for texts in lower case whose words stand one space apart.
HERE = r"(?:\s+(?:here|visible|shown|there|(?:(?:are|is)\s+)?(?:in|on)\s+(?:the|this|that)\s+(?:picture|photo|photograph|image|scene)))*"
REGION = r"(?P<region>left|right|top|bottom|middle|centre|center)"
WHERE = rf"(?:\s+(?:is|are)?\s*(?:on|at|in|to)\s+the\s+{REGION}(?:\s+(?:side|half|part))?)?"
ARTICLE = r"(?:(?:an?|any|some|the|one|more than one)\s+)?"

_IRREGULAR = {"people": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse", "geese": "goose", "feet": "foot", "teeth": "tooth", "knives": "knife", "wolves": "wolf", "leaves": "leaf", "shelves": "shelf", "loaves": "loaf", "calves": "calf", "sheep": "sheep", "scissors": "scissors", "skis": "skis", "glasses": "glasses", "bus": "bus", "buses": "bus", "grass": "grass"}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """`kind` names a QuestionKind. `phrase` is what it asks about, in the singular ("" if nothing in particular); `region`
    is one of REGIONS if it asks about one part of the picture, else "". `text` is the question as it was asked."""

    kind: str
    phrase: str
    region: str = ""
    text: str = field(default="", compare=False)


def plain_words(text: str) -> list[str]:
    """In lower case, without punctuation."""
    return re.sub(r"[^\w\s'’-]", " ", text.lower()).split()


def singular(phrase: str) -> str:
    """Of its last word; what only looks like a plural stays."""
    head, _, last = phrase.rpartition(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif re.search(r"[^aeiou]ies$", last) and len(last) > 4:
        last = last[:-3] + "y"
    elif re.search(r"(?:ch|sh|x|ss|zz|o)es$", last):
        last = last[:-2]
    elif re.search(r"[^su]s$", last) and len(last) > 3:
        last = last[:-1]
    return f"{head} {last}".strip()


def bare(phrase: str) -> str:
    """Without the article: the sentence that it is put into has one of its own."""
    return re.sub(r"^(an?|the|some)\s+", "", phrase.strip(), flags=re.IGNORECASE) or phrase
