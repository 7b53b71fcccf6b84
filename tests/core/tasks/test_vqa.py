import pytest

from core.errors import UserError
from core.models.family import EMBEDDED
from core.tasks import vqa

VILT = "dandelin/vilt-b32-finetuned-vqa"


def test_questions_are_lines():
    assert vqa.parse_questions(" Is there a dog?\n\nIs there  a dog?\nHow many?\0 ") == ["Is there a dog?", "How many?"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" \n", "Ask something"),
        ("\n".join(map(str, range(51))), "51 questions"),
        ("x" * 201, "more than 200"),
        ("x" * 99_999, "99,999 characters"),
    ],
)
def test_bad_questions_get_a_hint(text, message):
    with pytest.raises(UserError, match=message):
        vqa.parse_questions(text)


def test_a_published_model_answers_several_at_once(models, images, monkeypatch):
    questions = ["Is there a cat?", "How many dogs are there?"]
    together = vqa.answer(models, VILT, images[0], questions)
    assert [one.question for one in together] == questions
    assert len(together[0].confidences) == 5
    assert together[0].hint == ""
    call, called = models.call, []
    monkeypatch.setattr(models, "call", lambda name, method, *args: called.append(method) or call(name, method, *args))
    alone = vqa.answer(models, VILT, images[0], questions[1:])[0]
    assert called == ["answer"], "a follow-up does not look at the picture again"
    assert list(alone.confidences) == list(together[1].confidences)


def test_the_hint_names_what_was_trained(models):
    assert "how many cats are there" in vqa.hint(EMBEDDED, "Why is the man smiling?")
    assert vqa.hint(EMBEDDED, "Is there a dog?") == vqa.hint(VILT, "Why?") == ""


def test_no_picture_is_said(models):
    with pytest.raises(UserError, match="Choose a picture first"):
        vqa.answer(models, EMBEDDED, None, ["Is there a dog?"])
