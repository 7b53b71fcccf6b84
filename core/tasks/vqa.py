# SPDX-License-Identifier: Apache-2.0

"""Visual question answering: a question about a picture, in words, and the likeliest answers."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from PIL.Image import Image

from core.models.abilities import Answerer, AttentiveAnswerer, Attribution
from core.models.embedded.answers.kind import OTHER, all_kinds, parse
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.results import Answers
from core.tasks import TASKS, Task
from core.tasks._lists import TypedList
from core.tasks._program import headed, image_line
from core.tasks._sources import required

TASK = TASKS.register("vqa", Task("vqa", "a question about a picture", Answerer))

KIND_EXAMPLES = {kind.name: kind.example for kind in all_kinds() if kind.example}  # as hints show them
MANY = 6  # from which on things are many
MAX_QUESTIONS, MAX_QUESTION_LENGTH = 50, 200
QUESTIONS = TypedList(
    MAX_QUESTIONS,
    MAX_QUESTION_LENGTH,
    none="Ask something: for example “is there a dog?” or “how many cats are there?”.",
    many=f"That is {{count}} questions; at most {MAX_QUESTIONS} are answered at once.",
    long=f"A question has more than {MAX_QUESTION_LENGTH} characters. Ask one thing a line, shortly.",
    split=lambda text: [" ".join(line.split()) for line in text.splitlines()],
)


def parse_questions(text: str) -> list[str]:
    """Questions one a line, words one space apart, as `TypedList.parse`."""
    return QUESTIONS.parse(text)


def answer(
    models: Models, name: str, image: Image | None, questions: Sequence[str], stop: threading.Event | None = None
) -> list[Answers]:
    """The likeliest answers to each question. The picture is encoded once, also for questions asked later; questions go
    through the model a batch at a time. Raises UserError where there is no picture or no question, and Stopped between
    batches once `stop` is set."""
    questions = parse_questions("\n".join(questions))
    encoding = models.encode(name, required(image))
    batches = models.map(name, "answer", questions, MAX_QUESTIONS, None, stop, (encoding,))
    found = [answers for batch in batches for answers in batch]
    return [
        Answers(question, answers, hint(name, question)) for question, answers in zip(questions, found, strict=True)
    ]


def roughly(count: str) -> str:
    """A count in words that the built-in model is right about more often than about numbers: none, one, several or many."""
    if not count.isdigit():
        return count
    return {0: "none", 1: "one"}.get(int(count), "several" if int(count) < MANY else "many")


def attribution(
    models: Models, name: str, image: Image | None, question: str, shuffled: bool = False
) -> Attribution | None:
    """The attribution of the first answer to patches, by word of the question; None for a model that cannot say.
    `shuffled` is that of a copy with shuffled weights, as a check."""
    if not issubclass(models.catalog.adapter(name), AttentiveAnswerer):
        return None
    question = parse_questions(question)[0]
    found: Attribution = models.call(name, "attribution", models.encode(name, required(image)), question, shuffled)
    return found


def hint(name: str, question: str) -> str:
    """What to bear in mind about the embedded model's answer to this question; "" if nothing."""
    if name != EMBEDDED or parse(question).kind != OTHER:
        return ""
    return (
        "The built-in model was not trained on this kind of question, so take its answer with care. It knows "
        + ", ".join(KIND_EXAMPLES.values())
        + "."
    )


def program(models: Models, name: str, file: str, question: str) -> str:
    """The shortest program that gives the same answers, as text, ready to run as its heading says."""
    adapter, spec = models.catalog.adapter(name), models.catalog.spec(name)
    assert issubclass(adapter, Answerer)
    text = f"""\
import torch
from PIL import Image, ImageOps

{image_line(file)}
question = {question!r}

{adapter.answer_program(str(spec.path or spec.id)).rstrip()}

for answer, confidence in answers.items():
    print(f"{{answer}}: {{confidence:.3f}}")
"""
    return headed(text, [file])
