# SPDX-License-Identifier: Apache-2.0

"""The handler of the question answering tab, without HTTP."""

import pytest

from core.errors import UserError
from tabs.ask import handlers as tab
from tests.tabs.conftest import last, photo


@pytest.mark.slow
def test_each_question_is_answered_and_the_first_is_explained(lab, kitten):
    given = last(tab.answer_question(lab, kitten, "Is there a cat?\nWhy is it so?"))
    assert max(given.answer, key=given.answer.get) == "yes"
    assert [row[0] for row in given.table["data"]] == ["Is there a cat?"] * 5 + ["Why is it so?"] * 5
    assert given.note == ""
    assert '<p class="headline">yes</p>' in given.shown
    assert "not trained on this kind" not in given.shown, "which is said of the first question"
    assert given.why.count("<svg") == 1
    assert "Correlation with the map of the same model with shuffled weights: " in given.why
    assert "kitten-yarn-ball.jpg" in given.code


def test_hints_stand_under_the_answer_and_unused_frames_in_the_note(lab):
    animated = photo("kitten-yarn-ball.jpg", note="Only the first of 3 frames is used.")
    given = last(tab.answer_question(lab, animated, "Why is it so?"))
    assert given.note == "Only the first of 3 frames is used."
    assert '<p class="trust">' in given.shown
    assert "not trained on this kind of question" in given.shown


def test_a_model_without_attributions_says_so(lab, kitten):
    given = last(tab.answer_question(lab, kitten, "Is there a cat?", "Salesforce/blip-vqa-base"))
    assert ("does not say" in given.why) != ("<svg" in given.why)
    assert ("Correlation" in given.why) == ("<svg" in given.why)


@pytest.mark.parametrize(
    ("picture", "question", "message"), [(False, "Is there a cat?", "Choose a picture"), (True, " ", "Ask something")]
)
def test_refusals(lab, kitten, picture, question, message):
    with pytest.raises(UserError, match=message):
        list(tab.answer_question(lab, kitten if picture else None, question))
