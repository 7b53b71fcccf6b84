# SPDX-License-Identifier: Apache-2.0

"""The scores of captions are pycocoevalcap's, on plain words."""

import pytest

pytest.importorskip("pycocoevalcap")
from benchmarks.captions import cider, one_for_all, plain, scores

REFERENCES = [
    ["A cat sits on a sofa.", "a cat on a red sofa", "A kitten lies on the couch"],
    ["Two boats on a lake.", "boats lie on the shore of a lake", "a lake with two boats"],
    ["A man rides a horse!", "a man on a brown horse", "a person riding a horse"],
]


def test_right_captions_score_more_than_mixed_up_ones():
    right = ["a cat on a sofa", "two boats on a lake", "a man riding a horse"]
    found, mixed = scores(right, REFERENCES), scores(right[1:] + right[:1], REFERENCES)
    assert found["CIDEr"] > 1 > 0.1 > mixed["CIDEr"]
    assert found["BLEU-4"] > 0.4 > 0.01 > mixed["BLEU-4"]
    assert scores([texts[0] for texts in REFERENCES], REFERENCES)["BLEU-4"] == pytest.approx(1, abs=1e-6)


def test_case_and_marks_do_not_count():
    assert plain("A Cat's  toy, (red)!") == "a cat's toy red"


def test_cider_of_each_picture_and_of_one_caption_for_all():
    captions = ["a cat on a sofa", "two boats on a lake", "a dog in the snow"]
    each = cider(captions, REFERENCES)
    assert each.mean() == pytest.approx(scores(captions, REFERENCES)["CIDEr"])
    assert each[0] > 1 > each[2]
    assert 0 <= one_for_all(tuple(map(tuple, REFERENCES))) < 0.5
