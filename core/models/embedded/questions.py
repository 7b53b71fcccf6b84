# SPDX-License-Identifier: Apache-2.0

"""Words of a question: what the patterns of several kinds of question share, and the singular of a phrase."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

# Parts of patterns, for texts in lower case whose words stand one space apart.
HERE = r"(?:\s+(?:here|visible|shown|there|(?:(?:are|is)\s+)?(?:in|on)\s+(?:the|this|that)\s+(?:picture|photo|photograph|image|scene)))*"
REGION = r"(?P<region>left|right|top|bottom|middle|centre|center)"
WHERE = rf"(?:\s+(?:is|are)?\s*(?:on|at|in|to)\s+the\s+{REGION}(?:\s+(?:side|half|part))?)?"
ARTICLE = r"(?:(?:an?|any|some|the|one|more than one)\s+)?"

# What pluralizer's rules get wrong of words that are asked about in pictures.
ALWAYS_PLURAL = (
    "binoculars",
    "clothes",
    "glasses",
    "pajamas",
    "pants",
    "shorts",
    "skis",
    "sunglasses",
    "tights",
    "trousers",
)
IRREGULAR = {"daisy": "daisies", "dice": "dice", "hoodie": "hoodies", "lens": "lenses", "magpie": "magpies", "mantis": "mantises", "rhinoceros": "rhinoceroses", "selfie": "selfies", "thermos": "thermoses"}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """`kind` names a QuestionKind. `phrase` is what it asks about, in the singular ("" if nothing in particular); `region`
    is one of POSITIONS if it asks about one part of the picture, else "". `text` is the question as it was asked."""

    kind: str
    phrase: str
    region: str = ""
    text: str = field(default="", compare=False)


def plain_words(text: str) -> list[str]:
    """In lower case, without punctuation."""
    return re.sub(r"[^\w\s'’-]", " ", text.lower()).split()


def singular(phrase: str) -> str:
    """Of its last word; what only looks like a plural stays, and so does what is never singular."""
    head, _, last = phrase.rpartition(" ")
    return f"{head} {_inflection().singular(last)}".strip()


@lru_cache(maxsize=1)
def _inflection() -> Any:
    from pluralizer import Pluralizer

    rules = Pluralizer()
    for word in ALWAYS_PLURAL:
        rules.add_uncountable_rule(word)
    for one, many in IRREGULAR.items():
        rules.add_irregular_rule(one, many)
    return rules


def bare(phrase: str) -> str:
    """Without the article: the sentence that it is put into has one of its own."""
    return re.sub(r"^(an?|the|some)\s+", "", phrase.strip(), flags=re.IGNORECASE) or phrase
