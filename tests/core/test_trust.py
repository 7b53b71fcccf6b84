# SPDX-License-Identifier: Apache-2.0

"""Lines of trust: a guess is called a guess, and no percentage is vouched for that nobody calibrated."""

import pytest

from core.measured import Measured
from core.trust import NOT_CALIBRATED, SENTENCES, SUBJECTS, UNMEASURED, Known, confidence_sentence, sentence

DATA = "80 COCO photographs (coco-mini-dev)"


def known(figure, value=0.69, low=0.58, high=0.79, prior=None, n=80, before=None):
    return Known(figure, Measured(value, n, low, high, prior), DATA, "2026-11-25", before)


def test_a_share_that_is_right():
    assert sentence(known("vqa.identity", prior=0.42)) == (
        "Questions like this one: right 69 of 100 times on 80 COCO photographs (58 to 79); a guess without looking, 42."
    )


@pytest.mark.parametrize("figure", ["vqa.counting", "choice.top1", "t2i.R@1", "presence.mAP", "caption_asif.CIDEr"])
def test_a_guess_is_called_a_guess(figure):
    guess, better = known(figure, prior=0.6), known(figure, prior=0.5)
    assert guess.is_guess
    assert not better.is_guess
    assert "no better than" in sentence(guess).lower() or "than by chance" in sentence(guess)
    assert "no better" not in sentence(better).lower()
    assert "than by chance" not in sentence(better)


def test_worse_than_a_guess():
    assert sentence(known("vqa.existence", prior=0.9)).startswith(
        "Questions like this one: worse than a guess. Right 69"
    )


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("t2i.R@5", "the right picture is among the first five 69 of 100 times"),
        ("i2t.R@1", "a right caption is first 69 of 100 times"),
        ("segmentation.mIoU", "they share 69 of 100 parts on average"),
        ("segmentation.absent_area", "Of a picture without the thing it paints 69 of 100 parts"),
        ("presence.mAP", "mean average precision 0.69 on 80 COCO photographs (0.58 to 0.79)"),
        ("presence.none_caught", "that is noticed 69 of 100 times"),
        ("caption_magic.CIDEr", "CIDEr 0.69 on 80 COCO photographs (0.58 to 0.79)"),
        ("choice.ECE", "miss how often it is right by 69 of 100"),
        ("choice.right at 0.6-0.8", "Of answers given 60 to 80 %, 69 of 100 are right"),
        ("presence.right at 0.6-0.8", "Of labels given 60 to 80 %, 69 of 100 are in the picture"),
        ("run.R@1 pictures to words", "a right caption is first 69 of 100 times"),
    ],
)
def test_each_kind_of_figure(figure, said):
    assert said in sentence(known(figure, prior=0.01))


def test_what_training_changed():
    assert "(58 to 79); before training, 31; a guess without looking, 40." in sentence(
        known("run.accuracy", prior=0.4, before=0.31)
    )
    assert sentence(known("run.words in common", before=0.31)).endswith("(0.58 to 0.79); before training, 0.31.")


def test_what_nobody_wrote_a_sentence_for_is_told_plainly():
    assert sentence(known("caption_asif.BLEU-4")) == "BLEU-4: 0.69 on 80 COCO photographs (0.58 to 0.79)."


def test_nothing_is_said_of_what_was_not_measured():
    assert sentence(None) == UNMEASURED
    assert confidence_sentence(None, None) == ""


def test_percentages_are_vouched_for_only_where_they_were_calibrated():
    near = known("choice.right at 0.6-0.8", 0.71)
    assert "60 to 80 %, 71 of 100" in confidence_sentence(known("choice.ECE", 0.10), near)
    off = confidence_sentence(known("choice.ECE", 0.101), near)
    assert off == NOT_CALIBRATED.format(data="80 COCO photographs")
    assert "%" not in off
    few = known("choice.right at 0.6-0.8", n=19)
    assert confidence_sentence(known("choice.ECE", 0.05), few) == ""
    assert confidence_sentence(known("choice.ECE", 0.05), None) == ""


def test_every_subject_has_a_sentence():
    assert {kind for _, kind in SUBJECTS.values()} <= set(SENTENCES)
