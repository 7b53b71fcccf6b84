"""What kind of question is this, and about what? Rules for the embedded model; other models read the whole question."""

from __future__ import annotations

import re
from dataclasses import dataclass

KINDS = {
    "existence": "“is there a dog?”",
    "count": "“how many cats are there?” (up to 6)",
    "colour": "“what colour is the car?”",
    "position": "“where is the bird?”",
    "identity": "“what animal is this?”, “what is on the left?”",
}
REGIONS = ("left", "right", "top", "bottom", "middle")
_HERE = r"(?:\s+(?:here|visible|shown|there|(?:(?:are|is)\s+)?(?:in|on)\s+(?:the|this|that)\s+(?:picture|photo|photograph|image|scene)))*"
_WHERE = r"(?:\s+(?:is|are)?\s*(?:on|at|in|to)\s+the\s+(?P<region>left|right|top|bottom|middle|centre|center)(?:\s+(?:side|half|part))?)?"
_ARTICLE = r"(?:(?:an?|any|some|the|one|more than one)\s+)?"
_PATTERNS = (
    ("count", rf"(?:how many|count(?: all)?(?: the)?|(?:what is )?the number of)\s+(?P<phrase>.+?)(?:\s+(?:are|is|do|does|can|could)\b.*)?{_HERE}"),
    ("colour", r"(?:what|which)(?:'s| is)?(?: the)? colou?rs?(?:\s+of)?(?:\s+(?:is|are|does|do|has|have))?\s+(?:the|this|that|an?)?\s*(?P<phrase>.+?)(?:\s+have)?"),
    ("position", rf"(?:where(?:\s+in\s+\w+\s+\w+)?|on which side)\s*(?:is|are|'s)\s+{_ARTICLE}(?P<phrase>.+?){_HERE}"),
    ("existence", rf"(?:is|are)\s+(?:there|this|these|that|it)\s+{_ARTICLE}(?P<phrase>.+?){_HERE}{_WHERE}{_HERE}"),
    ("existence", rf"(?:do|can|could)\s+(?:you|we|i|one)\s+(?:see|spot|find)\s+{_ARTICLE}(?P<phrase>.+?){_HERE}{_WHERE}{_HERE}"),
    ("existence", rf"(?:does|do)\s+(?:the|this)\s+\w+\s+(?:show|contain|have)\s+{_ARTICLE}(?P<phrase>.+?){_HERE}{_WHERE}"),
    ("existence", rf"(?:is|are)\s+{_ARTICLE}(?P<phrase>.+?)\s+(?:on|at|in|to)\s+the\s+(?P<region>left|right|top|bottom|middle|centre|center)(?:\s+(?:side|half|part))?(?:\s+or\b.*)?{_HERE}"),
    ("identity", rf"(?:what|which|who)(?:'s)?(?:\s+(?:kind|type|sort|breed)s?\s+of)?(?:\s+(?P<phrase>(?!is\b|are\b|do\b|does\b|can\b).+?))??(?:\s+(?:is|are)(?:\s+(?:this|that|it|these|there|shown|seen))?|\s+(?:do|can)\s+(?:you|we)\s+see|\s+does\s+\w+\s+\w+\s+show)?{_HERE}{_WHERE}{_HERE}"),
)  # fmt: skip
_IRREGULAR = {"people": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse", "geese": "goose", "feet": "foot", "teeth": "tooth", "knives": "knife", "wolves": "wolf", "leaves": "leaf", "shelves": "shelf", "loaves": "loaf", "calves": "calf", "sheep": "sheep", "scissors": "scissors", "skis": "skis", "glasses": "glasses", "bus": "bus", "buses": "bus", "grass": "grass"}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """`kind` is one of KINDS, or "other". `phrase` is what it asks about, in the singular ("" if nothing in particular);
    `region` is one of REGIONS if it asks about one part of the picture, else ""."""

    kind: str
    phrase: str
    region: str = ""


def read(text: str) -> Question:
    """Rules in order; a question that none of them knows is "other", about its words that are no question's."""
    words = re.sub(r"[^\w\s'’-]", " ", text.lower()).split()
    plain = " ".join(words)
    for kind, pattern in _PATTERNS:
        if found := re.fullmatch(pattern, plain):
            groups = found.groupdict()
            region = (groups.get("region") or "").replace("centre", "middle").replace("center", "middle")
            return Question(kind, singular((groups.get("phrase") or "").strip()), region)
    dull = {"what", "which", "who", "where", "when", "why", "how", "is", "are", "was", "were", "be", "do", "does", "did", "the", "a", "an", "of", "in", "on", "at", "to", "this", "that", "these", "those", "it", "there", "you", "can", "see", "picture", "photo", "image", "and", "or"}  # fmt: skip
    return Question("other", " ".join(word for word in words if word not in dull))


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
    """Without the article: the prompt has one of its own."""
    return re.sub(r"^(an?|the|some)\s+", "", phrase.strip(), flags=re.IGNORECASE) or phrase
