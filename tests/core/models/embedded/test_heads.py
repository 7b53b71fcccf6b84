"""The heads that the project trained: what they see, what they say, and the programs that are shown for them."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.assets import ASSETS
from core.engine import Engine
from core.models.embedded import measured as _measured
from core.models.embedded.answers import candidates, open_words
from core.models.embedded.questions import bare
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.models.layers import dense_features as _dense
from core.settings import Settings
from core.tasks import segmentation, vqa

EXAMPLES = ASSETS / "examples"


@pytest.fixture(scope="module")
def lab():
    return Models(Engine(Settings(device="cpu")))


@pytest.fixture(scope="module")
def kitten():
    return Image.open(EXAMPLES / "kitten-yarn-ball.jpg").convert("RGB")


def test_the_grids_of_an_encoding_fit_into_each_other(lab, kitten):
    encoding = lab.encode(EMBEDDED, kitten)
    height, width = encoding["stride 32"].shape[1:]
    assert encoding["stride 16"].shape == (112, 2 * height, 2 * width)
    assert encoding["stride 8"].shape == (40, 4 * height, 4 * width)
    assert encoding["colours"].shape == (3, 4 * height, 4 * width)
    assert encoding["places 448"].shape == (height, width, 1000)
    assert sum(part.nbytes for part in encoding.values()) < 8e6
    assert -1 <= encoding["colours"].min() < encoding["colours"].max() <= 1


def test_spreading_keeps_a_constant_and_fills_what_looks_alike():
    left = torch.tensor([1.0, 0.0]).repeat(4, 2, 1)
    right = torch.tensor([0.0, 1.0]).repeat(4, 2, 1)
    features = torch.cat([left, right], 1).permute(2, 0, 1)  # [2, 4, 4]: two halves that look different
    constant = torch.full((1, 4, 4), 0.3)
    assert torch.allclose(_dense._spread(constant, features, 2, 2), constant, atol=1e-6)
    spot = torch.zeros(1, 4, 4)
    spot[0, 0, 0] = 8.0
    spread = _dense._spread(spot, features, 2, 1)
    assert torch.allclose(spread[0, :, :2], torch.ones(4, 2))
    assert torch.allclose(spread[0, :, 2:], torch.zeros(4, 2))


def test_a_phrase_is_found_where_it_is(lab, kitten):
    found = segmentation.segment(lab, EMBEDDED, kitten, ["a kitten", "a ball of wool", "a submarine"])
    cat, wool, submarine = found.probabilities
    height, width = cat.shape
    assert cat[: height // 2, width // 2].mean() > 3 * cat[:, : width // 8].mean()
    assert (submarine >= 0.5).mean() < 0.05
    assert list(found.depths) == [
        "similarity of each place",
        "spread to places that look alike",
        "decoded at stride 16",
    ]
    alone = segmentation.segment(lab, EMBEDDED, kitten, ["a ball of wool"]).probabilities[0]
    np.testing.assert_allclose(alone, wool, atol=1e-5)


def test_the_shown_segmentation_program_gives_the_same_maps(lab, kitten):
    prompts = ["a cat", "the wool"]
    shown = {"torch": torch, "image": kitten, "prompts": prompts}
    exec(lab.catalog.adapter(EMBEDDED).segment_program(EMBEDDED), shown)
    ours = segmentation.segment(lab, EMBEDDED, kitten, prompts).probabilities
    np.testing.assert_allclose(shown["logits"].sigmoid().detach().numpy(), ours, atol=1e-5)


def test_articles_are_dropped():
    assert [bare(text) for text in ("a cat", "The cat", "an ant", "cat", "the")] == ["cat", "cat", "ant", "cat", "the"]


@pytest.mark.parametrize(
    ("file", "question", "answer"),
    [
        ("kitten-yarn-ball", "What animal is this?", "cat"),
        ("dog-german-shepherd", "Is there a dog?", "yes"),
        ("dog-german-shepherd", "Is there a pizza?", "no"),
        ("dog-german-shepherd", "How many dogs are there?", "1"),
        ("coffee-cup-spoon", "What drink is this?", "coffee"),
    ],
)
def test_questions_about_photographs(lab, file, question, answer):
    found = vqa.answer(lab, EMBEDDED, Image.open(EXAMPLES / f"{file}.jpg").convert("RGB"), [question])[0]
    assert next(iter(found.confidences)) == answer
    assert 1 <= len(found.confidences) <= 5
    assert list(found.confidences.values()) == sorted(found.confidences.values(), reverse=True)


def test_questions_together_are_answered_as_alone_and_as_the_shown_program(lab, kitten):
    questions = ["Is there a cat?", "How many dogs are there in the picture?", "What is on the left?", "Why?"]
    together = vqa.answer(lab, EMBEDDED, kitten, questions)
    for question, found in zip(questions, together, strict=True):
        alone = vqa.answer(lab, EMBEDDED, kitten, [question])[0].confidences
        assert alone == pytest.approx(found.confidences, abs=1e-5)
        shown = {"torch": torch, "image": kitten, "question": question}
        exec(lab.catalog.adapter(EMBEDDED).answer_program(EMBEDDED), shown)
        assert shown["answers"] == pytest.approx(alone, abs=1e-4)


def test_an_answer_says_what_it_leaned_on(lab, kitten):
    found = vqa.relevance(lab, EMBEDDED, kitten, "Do you see a cat?")
    height, width = lab.encode(EMBEDDED, kitten)["stride 32"].shape[1:]
    assert found.words == ["Do", "you", "see", "a", "cat"]
    assert found.maps.shape == (5, height, width)
    assert found.maps.amax((1, 2)).tolist() == pytest.approx([1] * 5)
    shuffled = vqa.relevance(lab, EMBEDDED, kitten, "Do you see a cat?", shuffled=True)
    assert (found.maps - shuffled.maps).abs().max() > 0.2
    named = vqa.relevance(lab, EMBEDDED, kitten, "What animal is this?")
    assert named.words == ["resembles “cat”"]
    assert vqa.relevance(lab, EMBEDDED, kitten, "How many balls are there?").words == ["resembles “ball”"]


def test_colours_sides_and_pieces_are_measured():
    red_left = torch.full((3, 12, 12), -1.0)
    red_left[0, :, :4] = 0.9
    red_left[2, :, 4:] = 0.9
    left = torch.zeros(12, 12)
    left[4:8, :4] = 1.0
    assert _measured.colours(red_left, left) == {"red": 1.0}
    assert next(iter(_measured.colours(red_left, 1 - left))) == "blue"
    assert next(iter(_measured.sides(left))) == "left"
    assert next(iter(_measured.sides(left.T))) == "top"
    maps = torch.zeros(len(_dense.MAPS), 12, 12)
    maps[_measured.FINEST, 1:4, 1:4] = maps[_measured.FINEST, 7:10, 6:9] = 1.0
    maps[_measured.FINEST, 11, 0] = 1.0  # too small
    assert _measured.counts(maps, there=True) == {"2": 1.0}
    assert _measured.counts(maps, there=False) == {"0": 1.0}


def test_open_words_are_listed_by_kind():
    assert {"dog", "sheep", "penguin"} <= set(candidates("animal"))
    assert "car" not in candidates("animal")
    assert set(candidates("kind of animal")) == set(candidates("animal"))
    assert len(candidates("")) == len(candidates("nothing listed")) == len(open_words()) > 300


def test_the_likelier_of_a_kind_counts_against_the_others(lab, kitten):
    """A kitten looks much like a dog, and more like a cat."""
    encoding = lab.encode(EMBEDDED, kitten)
    with lab.lease(EMBEDDED) as pair, torch.inference_mode():
        assert pair._behind(encoding, "dog") > 3
        assert pair._behind(encoding, "cat") < 0
        assert pair._behind(encoding, "animal") == pair._behind(encoding, "no listed word") == 0
    cat, dog = vqa.answer(lab, EMBEDDED, kitten, ["Is there a cat?", "Is there a dog?"])
    assert cat.confidences["yes"] > 0.99 > dog.confidences["yes"]


def test_open_words_are_read_once(lab, kitten, monkeypatch):
    vqa.answer(lab, EMBEDDED, kitten, ["What is this?"])
    read = []
    with lab.lease(EMBEDDED) as pair:
        monkeypatch.setattr(pair, "text_vectors", lambda texts: read.append(texts))
        vqa.answer(lab, EMBEDDED, kitten, ["What animal is it?"])
    assert read == []
