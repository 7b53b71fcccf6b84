# SPDX-License-Identifier: Apache-2.0

"""The handler of the question answering tab, without HTTP."""

import pytest

from core.errors import UserError
from tabs import vqa as tab
from tests.tabs.conftest import last, photo


@pytest.mark.slow
def test_each_question_is_answered_and_the_first_is_explained(lab, kitten):
    given = last(tab.answer_question(lab, kitten, "Is there a cat?\nWhy is it so?"))
    assert max(given.answer, key=given.answer.get) == "yes"
    assert [row[0] for row in given.table["data"]] == ["Is there a cat?"] * 5 + ["Why is it so?"] * 5
    assert given.note == "", "of the first question"
    assert given.plot.axes
    assert given.check.startswith("Correlation of both maps over all words: ")
    assert "kitten-yarn-ball.jpg" in given.code


def test_hints_and_unused_frames_stand_in_the_note(lab):
    animated = photo("kitten-yarn-ball.jpg", note="Only the first of 3 frames is used.")
    first, second = last(tab.answer_question(lab, animated, "Why is it so?")).note.split("\n\n")
    assert first == "Only the first of 3 frames is used."
    assert "not trained on this kind of question" in second


def test_a_model_without_attributions_says_so(lab, kitten):
    given = last(tab.answer_question(lab, kitten, "Is there a cat?", "Salesforce/blip-vqa-base"))
    if given.plot is None:
        assert "does not say" in given.check
    else:
        assert "Correlation" in given.check


@pytest.mark.parametrize(
    ("picture", "question", "message"), [(False, "Is there a cat?", "Choose a picture"), (True, " ", "Ask something")]
)
def test_refusals(lab, kitten, picture, question, message):
    with pytest.raises(UserError, match=message):
        list(tab.answer_question(lab, kitten if picture else None, question))
