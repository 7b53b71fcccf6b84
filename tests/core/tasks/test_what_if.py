# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from core.assets import EXAMPLES_FOLDER
from core.data.galleries import Gallery
from core.errors import UserError
from core.images import read
from core.models.family import EMBEDDED
from core.results import Change
from core.tasks import asif, retrieval, segmentation, vqa, what_if, zero_shot
from core.tasks.hiding import hide
from core.tasks.what_if import Without
from tests.core.data.gallery_fakes import colour_files

CLIP = "openai/clip-vit-base-patch32"
VILT, CLIPSEG = "dandelin/vilt-b32-finetuned-vqa", "CIDAS/clipseg-rd64-refined"
CAPTIONER = "Salesforce/blip-image-captioning-base"
CORNER = Without(boxes=((0, 0, 0.5, 0.5),))


@pytest.fixture(scope="module")
def kitten():
    return read(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg").image


def test_rows_are_sorted_by_what_changed_most():
    change = Change({"cat": 0.5, "dog": 0.3, "car": 0.2}, {"cat": 0.45, "dog": 0.0, "bird": 0.25})
    assert [(row.name, row.before, row.after) for row in change.rows] == [
        ("dog", 0.3, 0.0), ("bird", 0.0, 0.25), ("car", 0.2, 0.0), ("cat", 0.5, 0.45),
    ]  # fmt: skip
    assert change.rows[0].difference == pytest.approx(-0.3)


def test_texts_follow_the_word():
    assert Without(word="red").texts(["a red car", "red", "a dog"]) == {"a red car": "a car", "a dog": "a dog"}
    for texts, message in ((["a dog"], "no word “red”"), (["red", "Red!"], "nothing is left")):
        with pytest.raises(UserError, match=message):
            Without(word="red").texts(texts)
    with pytest.raises(UserError, match="Hide something first"):
        Without()


@pytest.mark.parametrize("scoring", zero_shot.SCORINGS)
def test_classification_is_what_the_task_says_of_what_is_left(models, images, scoring):
    labels = ["a red cat", "dog", "red"]
    change = what_if.classification(
        models, CLIP, images[0], labels, Without(boxes=((0, 0, 0.5, 0.5),), word="red"), ["{}"], scoring
    )
    before = zero_shot.classify(models, CLIP, [images[0]], labels, ["{}"], scoring).scores[0]
    hidden = hide(images[0], [(0, 0, 0.5, 0.5)])
    after = zero_shot.classify(models, CLIP, [hidden], ["a cat", "dog"], ["{}"], scoring).scores[0]
    assert change.before == pytest.approx(dict(zip(labels, before, strict=True)))
    assert change.after == pytest.approx(dict(zip(labels[:2], after, strict=True)))
    assert set(change.before.values()).isdisjoint(change.after.values())


def test_questions_and_masks_are_what_the_tasks_say_of_what_is_left(models, images):
    change = what_if.question(models, VILT, images[0], "Is there a big cat?", Without(CORNER.boxes, word="big"))
    (after,) = vqa.answer(models, VILT, hide(images[0], CORNER.boxes), ["Is there a cat?"])
    assert change.after == pytest.approx(after.confidences)
    assert change.before != change.after
    change = what_if.masks(models, CLIPSEG, images[0], ["a cat", "a big dog"], Without(CORNER.boxes, word="big"), 0.4)
    left = segmentation.segment(models, CLIPSEG, hide(images[0], CORNER.boxes), ["a cat", "a dog"])
    expected = [mask.coverage for mask in segmentation.masks(left, 0.4)]
    assert change.after == pytest.approx(dict(zip(["a cat", "a big dog"], expected, strict=True)))


def test_a_ranking_holds_all_that_were_or_come_among_the_first(models, tmp_path):
    gallery = Gallery("mine", tmp_path / "own")
    gallery.add(colour_files(tmp_path / "in", 6))
    change = what_if.ranking(models, CLIP, gallery, "a red car", None, Without(word="red"), k=2)
    vectors = gallery.vectors(models, CLIP)
    for scores, text in ((change.before, "a red car"), (change.after, "a car")):
        all_scores = vectors @ retrieval.query_vector(models, CLIP, text, None)
        expected = {item.id: score for item, score in zip(gallery.items, all_scores.tolist(), strict=True)}
        assert scores == pytest.approx({key: expected[key] for key in scores})
        assert set(sorted(expected, key=lambda key: -expected[key])[:2]) <= set(scores)
    with pytest.raises(UserError, match="Choose a picture first"):
        what_if.ranking(models, CLIP, gallery, "a car", None, CORNER)


@pytest.mark.slow
def test_captions_of_a_trained_model_and_of_asif(models, images, kitten):
    change = what_if.caption(models, CAPTIONER, images[0], CORNER)
    assert change.before
    assert change.after
    with pytest.raises(UserError, match="no anchor to hide"):
        what_if.caption(models, CAPTIONER, images[0], Without(anchors=("tabby cat",)))
    cats = tuple(name for name in asif.anchor_names(models) if "cat" in name.lower())
    change = what_if.caption(models, "ASIF", kitten, Without(anchors=cats))
    assert next(iter(change.before)) != next(iter(change.after))


@pytest.mark.slow
def test_hidden_anchors_lower_what_they_carried(models, kitten):
    picture, text = models.embed_images(EMBEDDED, [kitten])[0], models.embed_texts(EMBEDDED, ["a photo of a cat"])[0]
    names = asif.anchor_names(models)
    best = int((picture * text).argmax())
    without = Without(anchors=(names[best],))
    rest = np.arange(len(names)) != best
    expected = picture[rest] @ text[rest] / np.linalg.norm(picture[rest]) / np.linalg.norm(text[rest])
    change = what_if.similarity(models, EMBEDDED, kitten, "a photo of a cat", without)
    assert change.rows[0].after == pytest.approx(expected, abs=1e-5)
    assert change.rows[0].difference < -0.01
    by_label = what_if.classification(models, EMBEDDED, kitten, ["cat", "dog"], without, scoring="cosine")
    assert by_label.after["cat"] == pytest.approx(expected, abs=1e-5)
    for scoring in ("softmax", "independent"):
        change = what_if.classification(models, EMBEDDED, kitten, ["cat", "car"], without, scoring=scoring)
        assert 0 < change.after["cat"] < change.before["cat"] < 1
    with pytest.raises(UserError, match="no anchor called “unicorn”"):
        what_if.similarity(models, EMBEDDED, kitten, "a cat", Without(anchors=("unicorn",)))
    with pytest.raises(UserError, match="no anchors"):
        what_if.similarity(models, CLIP, kitten, "a cat", without)
