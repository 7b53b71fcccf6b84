# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import pytest

from core.explain import scores
from core.results import Classification

RESULT = Classification(
    ["dog", "cat", "horse"], [[0.18, 0.42, 0.05]], [[1, 5, 0]], [[0.08, 0.9, 0.02]], "softmax", calibrated=False
)


def test_similarities_above_and_scores_below_best_first():
    before, after = scores.drawing(RESULT).figure.axes
    assert [bar.get_width() for bar in before.patches] == [0.42, 0.18, 0.05]
    assert [bar.get_width() for bar in after.patches] == [1, 1, 1, 0.9, 0.08, 0.02]  # each within the whole
    assert [text.get_text() for text in after.texts[1::2]] == ["cat", "dog", "horse"]


@pytest.mark.parametrize(("changed", "finding"), [
    ({}, "“cat” has the highest cosine similarity, 0.42; next “dog”, 0.18. Softmax makes that 90 % for “cat” and 8 % for “dog”."),
    ({"scoring": "cosine"}, "“cat” has the highest cosine similarity, 0.42; next “dog”, 0.18."),
    ({"own_labels": True, "scoring": "independent"},
     "“cat” has the highest logit, 0.42; next “dog”, 0.18. "
     "Weighing each label by itself makes that 90 % for “cat” and 8 % for “dog”."),
])  # fmt: skip
def test_the_finding(changed, finding):
    assert scores.drawing(replace(RESULT, **changed)).finding == finding


def test_of_one_label_and_of_many():
    one = Classification(["cat"], [[0.42]], [[1]], [[1]], "cosine", False)
    assert scores.drawing(one).finding == "“cat” has a cosine similarity of 0.42."
    many = Classification([str(i) for i in range(50)], *[[[i / 50 for i in range(50)]]] * 3, "softmax", False)
    assert len(scores.drawing(many).figure.axes[0].patches) == scores.LABELS_SHOWN
