# SPDX-License-Identifier: Apache-2.0

"""“How many cats are there?”"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.models.embedded.answers.kind import register, shares
from core.models.embedded.answers.measured import MeasuredKind
from core.models.embedded.questions import HERE, Question
from core.models.embedded.segmenter import Encoding

if TYPE_CHECKING:
    from torch import Tensor

MAX_COUNT = 6
# Log odds below which what is asked for is taken not to be there: "how many ...?" is mostly asked of what is there.
ABSENT_BELOW = -2.0
# What counts as one object, chosen on composed scenes kept apart: in the finest spread of the similarity (an index into
# dense_features.MAPS), places that touch, above a share of the highest of all, at least MIN_PLACES of them.
FINEST_MAP, THRESHOLDS, MIN_PLACES = 6, (0.8, 0.85, 0.9), 4


@register
class Count(MeasuredKind):
    name = "count"
    order = 20
    example = f"“how many cats are there?” (up to {MAX_COUNT})"
    patterns = (
        rf"(?:how many|count(?: all)?(?: the)?|(?:what is )?the number of)\s+(?P<phrase>.+?)(?:\s+(?:are|is|do|does|can|could)\b.*)?{HERE}",
    )

    def answer(self, encoding: Encoding, question: Question) -> dict[str, float]:
        present = self.parts.presence.log_odds(encoding, question.phrase or "thing") > ABSENT_BELOW
        return counts(self.maps(encoding, question)[0], present)


def counts(maps: Tensor, present: bool) -> dict[str, float]:
    """In how many components the finest of a phrase's maps [len(MAPS), h, w] falls: a vote for each threshold. "0" has
    all votes if it is not present."""
    if not present:
        return {"0": 1.0}
    finest = maps[FINEST_MAP].cpu().numpy()
    found = [min(max(components(finest >= share * finest.max()), 1), MAX_COUNT) for share in THRESHOLDS]
    return shares({str(number): float(votes) for number, votes in Counter(found).items()})


def components(mask: NDArray[np.bool_]) -> int:
    """The number of components of MIN_PLACES places or more in [h, w]; places touch at sides and corners."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    return int((np.bincount(labels.ravel())[1:] >= MIN_PLACES).sum())
