# SPDX-License-Identifier: Apache-2.0

"""Each score is the figure that the task itself gives, and leaves the cache as it was."""

import threading

import pytest

from core.data import bank
from core.errors import Stopped, UserError
from core.models.family import EMBEDDED
from core.tasks import asif, picture_scores, retrieval, segmentation, vqa, zero_shot
from core.tasks.occlusion import occlude

CLIP, SIGLIP = "openai/clip-vit-base-patch32", "google/siglip-base-patch16-224"
VILT, CLIPSEG = "dandelin/vilt-b32-finetuned-vqa", "CIDAS/clipseg-rd64-refined"
BLIP = "Salesforce/blip-itm-base-coco"
LABELS = ["cat", "dog", "car"]


def asked(models, score, images):
    before = len(models.engine.cache), models.engine.cache.nbytes
    found = score(list(images))
    assert (len(models.engine.cache), models.engine.cache.nbytes) == before
    assert all(type(value) is float for value in found)
    return found


@pytest.mark.parametrize("name", [CLIP, SIGLIP])
@pytest.mark.parametrize("scoring", ["cosine", "softmax"])
def test_of_a_label(models, images, name, scoring):
    score = picture_scores.of_label(models, name, LABELS, "dog", scoring=scoring)
    found = asked(models, score, images)
    expected = zero_shot.classify(models, name, images, LABELS, scoring=scoring).scores
    assert found == pytest.approx([row[1] for row in expected], abs=1e-5)


def test_of_a_query_a_caption_and_a_match(models, images):
    query = retrieval.query_vector(models, CLIP, "a cat", images[1])
    expected = models.embed_images(CLIP, images) @ query
    assert asked(models, picture_scores.of_query(models, CLIP, query), images) == pytest.approx(expected, abs=1e-5)
    expected = models.embed_images(CLIP, images) @ models.embed_texts(CLIP, ["a dog"])[0]
    score = picture_scores.of_caption(models, CLIP, "a dog")
    assert asked(models, score, images) == pytest.approx(expected, abs=1e-5)
    expected = models.match(BLIP, [(image, "a cat") for image in images])
    assert asked(models, picture_scores.of_match(models, BLIP, "a cat"), images) == pytest.approx(expected, abs=1e-5)


def test_of_an_answer(models, images):
    (answers,) = vqa.answer(models, VILT, images[0], ["Is there a cat?"])
    word, confidence = next(iter(answers.confidences.items()))
    found = asked(models, picture_scores.of_answer(models, VILT, "Is there a cat?", word), images[:2])
    assert found[0] == pytest.approx(confidence, abs=1e-5)
    assert asked(models, picture_scores.of_answer(models, VILT, "Is there a cat?", "no such"), images[:1]) == [0.0]


def test_of_a_prompt(models, images):
    expected = segmentation.segment(models, CLIPSEG, images[0], ["a cat"]).probabilities.mean()
    found = asked(models, picture_scores.of_prompt(models, CLIPSEG, "a cat"), images[:1])
    assert found == pytest.approx([expected], abs=1e-5)


@pytest.mark.slow
def test_of_an_asif_caption(models, images):
    found = asif.caption(models, images[0], bank.shipped(), 50)
    score = picture_scores.of_asif_caption(models, EMBEDDED, found, 50)
    assert asked(models, score, images[:1]) == pytest.approx([found.best[0].score], abs=2e-3)  # the bank keeps float16
    edited = asif.caption(models, images[0], bank.shipped(), 50, edits=asif.Edits(added=((images[1], "noise"),)))
    with pytest.raises(UserError, match="own anchors"):
        picture_scores.of_asif_caption(models, EMBEDDED, edited, 50)


def test_occlusion_by_a_model_stops_between_batches(models, images):
    stop, steps = threading.Event(), []
    score = picture_scores.of_answer(models, VILT, "Is there a cat?", "yes", stop)
    with pytest.raises(Stopped):
        occlude(score, images[0], on_step=lambda *step: (steps.append(step), stop.set()), stop=stop)
    assert len(steps) == 1
    with pytest.raises(Stopped):
        score([images[0]])


def test_what_is_not_there_is_said(models, images):
    with pytest.raises(UserError, match="none of the labels"):
        picture_scores.of_label(models, CLIP, LABELS, "bird")
    with pytest.raises(UserError, match="cosine or softmax"):
        picture_scores.of_label(models, CLIP, LABELS, "cat", scoring="independent")


def test_every_hidden_part_makes_a_picture_less_like_itself(models, images):
    query = models.embed_images(CLIP, [images[0]])[0]
    found = occlude(picture_scores.of_query(models, CLIP, query), images[0], grids=(3,), steps=2)
    assert found.whole == pytest.approx(1, abs=1e-4)
    assert 0 < found.map.min() <= found.map.max() <= 2
    assert max(found.ninths) < found.whole
