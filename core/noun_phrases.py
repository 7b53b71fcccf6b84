# SPDX-License-Identifier: Apache-2.0

"""Labels that name several things: “a cat and a dog”."""

from __future__ import annotations

import re

# Only where an article or a number follows: “black and white” and “salt and pepper” are one thing.
JOINT = re.compile(r",?\s+(?:and|with)\s+(?=(?:an?|the|some|one|two|three|four|five|several|many)\s+\S)", re.IGNORECASE)
ARTICLE = re.compile(r"^(?:an?|the|some)\s+(?=\S)", re.IGNORECASE)


def noun_phrases(label: str) -> list[str]:
    """The things that a label names, without their articles, if they are joined by “and” or “with”, each but the first behind
    an article or a number; else the label as it is, alone."""
    parts = [part for part in JOINT.split(label.strip()) if part]
    return [ARTICLE.sub("", part) for part in parts] if len(parts) > 1 else [label]
