# SPDX-License-Identifier: Apache-2.0

"""Every published model that answers questions, loaded by its id from tiny weights, against plain transformers."""

import re

import pytest
import torch
import transformers as T

from core.engine import Engine
from core.errors import UserError
from core.models.abilities import Answerer, AttentiveAnswerer
from core.models.families.lxmert import boxes
from core.models.inference import Models
from core.models.layers.attribution import shuffled_copy, single_stream_attribution
from core.models.layers.towers import text_folder
from core.settings import Settings
from tests.core.models.families import tiny
from tests.core.models.families.tiny.vilt import vilt_logits

pytestmark = pytest.mark.slow

CLOSE = 1e-4
QUESTIONS = ["is it a red car parked in the street", "What is the cat's colour?", "two dogs"]
LISTED = Models(Engine(Settings(device="cpu")))
ANSWERERS = [spec.id for spec in LISTED.catalog.specs(Answerer) if "/" in spec.id]
ATTENTIVE = [id for id in ANSWERERS if issubclass(LISTED.catalog.adapter(id), AttentiveAnswerer)]
VILT = "dandelin/vilt-b32-finetuned-vqa"
all_answerers = pytest.mark.parametrize("id", ANSWERERS)
all_attentive = pytest.mark.parametrize("id", ATTENTIVE)


def ours(models, id, image, questions):
    return models.call(id, "answer", models.encode(id, image), questions)


def same(found, expected):
    assert found.keys() == expected.keys()
    assert list(found.values()) == sorted(found.values(), reverse=True)
    for answer, confidence in found.items():
        assert confidence == pytest.approx(expected[answer], abs=CLOSE)


# ---- every one of them


@all_answerers
def test_answers_are_the_models_own(models, images, id):
    folder = models.catalog.path(id)
    official = tiny.expected(id, "answers")
    tops = []
    for image in images[:2]:
        for question, found in zip(QUESTIONS, ours(models, id, image, QUESTIONS), strict=True):
            with torch.no_grad():
                same(found, official(folder, image, question))
            assert 1 <= len(found) <= 5
            tops.append(found)
    for one, other in ((0, 1), (1, 2), (0, 3), (2, 5)):  # other questions, then the other picture
        gap = max(abs(tops[one].get(a, 0) - tops[other].get(a, 0)) for a in tops[one] | tops[other])
        assert gap > 0.01, "the tiny model tells them apart"


@all_answerers
def test_many_questions_are_answered_as_one_is(models, images, id):
    many = [*QUESTIONS, *(f"{word} {question}" for word in ("a", "red") for question in QUESTIONS)]
    together = ours(models, id, images[2], many)
    for question, found in zip(many, together, strict=True):
        same(ours(models, id, images[2], [question])[0], found)
    assert ours(models, id, images[2], []) == []


@all_answerers
def test_survives_being_unloaded(models, images, id):
    before = ours(models, id, images[0], QUESTIONS)
    assert models.unload(id)
    assert models.engine.resident == []
    torch.manual_seed(1)  # ViLT draws its patches at random
    assert ours(models, id, images[0], QUESTIONS) == before


def shown(models, id, image, question, edit=lambda program: program):
    names = {"torch": torch, "image": image, "question": question}
    exec(edit(models.catalog.adapter(id).answer_program(id)), names)
    return names["answers"]


@all_answerers
def test_the_program_shown_gives_the_same(models, images, id):
    for image, question in ((images[0], QUESTIONS[0]), (images[3], QUESTIONS[1])):
        same(shown(models, id, image, question), ours(models, id, image, [question])[0])


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [(r"softmax\(-1\)", "sigmoid()"), (r"\bquestion\b", "question[::-1]"), (r"\bimage\b(?=[,)])", "image.rotate(90)")],
)
@all_answerers
def test_a_broken_program_would_be_noticed(models, images, id, pattern, wrong):
    expected = ours(models, id, images[0], QUESTIONS[:1])[0]

    def edit(program):
        broken, times = re.subn(pattern, wrong, program)
        assert times
        return broken

    with pytest.raises(AssertionError):
        same(shown(models, id, images[0], QUESTIONS[0], edit), expected)


@all_answerers
def test_any_question_is_read(models, images, id):
    answers = ours(models, id, images[0], ["a red cat " * 190, "?", "çé 猫 <image> [SEP]"])
    assert [abs(sum(found.values())) <= 1 + CLOSE for found in answers] == [True] * 3


# ---- attribution


@all_attentive
def test_attribution_has_a_map_for_each_word(models, images, id):
    image = images[4]
    width, height = image.size
    assert width != height
    encoding = models.encode(id, image)
    before = models.call(id, "answer", encoding, QUESTIONS)
    words, maps = models.call(id, "attribution", encoding, QUESTIONS[1])
    assert words == ["What", "is", "the", "cat's", "colour"]
    side = LISTED_GRID[id]
    assert maps.shape == (5, *(n // side for n in encoding["pixel_values"].shape[2:]))
    assert maps.shape[1] != maps.shape[2]
    assert maps.dtype == torch.float32
    assert maps.min() >= 0
    torch.testing.assert_close(maps.amax((1, 2)), torch.ones(5))
    again = models.call(id, "attribution", encoding, QUESTIONS[1]).maps
    torch.testing.assert_close(again, maps)

    shuffled = models.call(id, "attribution", encoding, QUESTIONS[1], True)
    assert shuffled.words == words
    assert shuffled.maps.shape == maps.shape
    assert ((shuffled.maps - maps).abs().amax((1, 2)) > 0.1).all()
    assert models.call(id, "answer", encoding, QUESTIONS) == before, "the model itself was not shuffled"
    assert models.call(id, "attribution", encoding, "?!").maps.shape == (0, *maps.shape[1:])


LISTED_GRID = {VILT: 8}


def test_attribution_is_that_of_the_articles_program(models, images):
    """Chefer et al.'s rule, over the article's own forward on pixels; its patches come in a random order."""
    folder, encoding = models.catalog.path(VILT), models.encode(VILT, images[4])
    words, maps = models.call(VILT, "attribution", encoding, "a red horse")
    processor = T.AutoProcessor.from_pretrained(folder, backend="pil")
    model = T.ViltForQuestionAnswering.from_pretrained(folder).eval()
    inputs = processor(images[4], "a red horse", return_tensors="pt")
    drawn = []
    embed = model.vilt.embeddings.visual_embed
    model.vilt.embeddings.visual_embed = lambda *args, **options: drawn.append(embed(*args, **options)) or drawn[-1]
    outputs = model(**inputs, output_attentions=True)
    for attention in outputs.attentions:
        attention.retain_grad()
    outputs.logits.max().backward()
    rule = torch.eye(outputs.attentions[0].shape[-1])
    for attention in outputs.attentions:
        rule = rule + (attention.grad * attention).clamp(min=0).mean((0, 1)) @ rule
    (rows, columns) = drawn[0][2][0][0].T
    expected = torch.zeros(maps.shape[1:])
    assert processor.tokenizer.convert_ids_to_tokens(inputs.input_ids[0])[2] == words[1] == "red"
    expected[rows, columns] = rule[2, -len(rows) :].detach()
    torch.testing.assert_close(maps[1], expected / expected.max(), atol=CLOSE, rtol=0)


def test_attribution_goes_through_the_layers_in_order():
    first, second = (torch.rand(1, 2, 3, 3, requires_grad=True) for _ in range(2))
    logit = (first * 2).sum() - (second[:, 0] * 3).sum() + second[:, 1].sum()
    expected = (torch.eye(3) + second[0, 1] / 2) @ (torch.eye(3) + 2 * first[0].mean(0))
    torch.testing.assert_close(single_stream_attribution(logit, [first, second]), expected.detach())


def test_a_shuffled_copy_keeps_only_the_numbers():
    layer = torch.nn.Linear(30, 20)
    one, other = shuffled_copy(layer), shuffled_copy(layer)
    assert not torch.equal(one.weight, layer.weight)
    torch.testing.assert_close(one.weight, other.weight)
    torch.testing.assert_close(one.weight.flatten().sort().values, layer.weight.flatten().sort().values)


# ---- what is special about one of them


def test_vilt_gives_the_logits_of_its_article(models, images):
    for image in images:
        found = models.call(VILT, "logits", models.encode(VILT, image), QUESTIONS)
        for row, question in zip(found, QUESTIONS, strict=True):
            with torch.no_grad():
                torch.testing.assert_close(
                    row, vilt_logits(models.catalog.path(VILT), image, question), atol=CLOSE, rtol=0
                )


@all_answerers
def test_a_thread_of_a_picture_is_read_or_refused(models, images, id):
    for size in ((66, 10), (4, 400), (400, 4)):
        thin = images[0].resize(size)
        if id == VILT and max(size) == 400:
            with pytest.raises(UserError, match="too thin"):
                models.encode(id, thin)
        else:
            assert ours(models, id, thin, ["a cat"])[0]


def test_boxes_are_the_cells_outlines():
    expected = [[0, 0, 0.5, 1], [0.5, 0, 1, 1]]
    torch.testing.assert_close(boxes(1, 2), torch.tensor([expected], dtype=torch.float32))


def test_the_tokenizer_lent_to_visualbert_is_berts():
    tokenizer = T.AutoTokenizer.from_pretrained(text_folder())
    assert len(tokenizer) == 30522
    assert tokenizer("Cats")["input_ids"] == [101, 8870, 102]
