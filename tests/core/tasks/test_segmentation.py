import numpy as np
import pytest
from PIL import Image

from core.errors import UserError
from core.models.family import EMBEDDED
from core.results import Segmentation
from core.tasks import segmentation

CLIPSEG = "CIDAS/clipseg-rd64-refined"


def result(*maps, size=(8, 4)):
    return Segmentation([f"thing {n}" for n in range(len(maps))], size, np.array(maps, np.float32), {})


def test_prompts_are_split_trimmed_and_deduplicated():
    assert segmentation.parse_prompts(" a cat, a dog\n\na cat,, \0sky ") == ["a cat", "a dog", "sky"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" ,\n", "Say what to cut out"),
        (",".join(map(str, range(17))), "17 prompts"),
        ("x" * 201, "more than 200"),
        ("x" * 9999, "9,999 characters"),
    ],
)
def test_bad_prompts_get_a_hint(text, message):
    with pytest.raises(UserError, match=message):
        segmentation.parse_prompts(text)


def test_masks_at_a_threshold_and_exclusive():
    found = result([[0.9, 0.9, 0.2, 0.2]], [[0.6, 0.6, 0.6, 0.1]], size=(4, 1))
    assert segmentation.masks(found, 0.5).tolist() == [[[True, True, False, False]], [[True, True, True, False]]]
    assert segmentation.masks(found, 0.5, exclusive=True).tolist() == [
        [[True, True, False, False]],
        [[False, False, True, False]],
    ]
    assert segmentation.masks(found, 0).all()
    for bad in (float("nan"), -0.1, 1.1):
        with pytest.raises(UserError, match="between 0 and 1"):
            segmentation.masks(found, bad)


def test_coverage_and_box():
    mask = np.zeros((2, 4, 8), bool)
    mask[0, 1:3, 2:7] = True
    rows = segmentation.things(result([[0.0]], [[0.0]]), mask)
    assert rows[0] == {"label": "thing 0", "coverage": 10 / 32, "box": [2, 1, 7, 3]}
    assert rows[1] == {"label": "thing 1", "coverage": 0.0, "box": None}


def test_coco_run_lengths_go_down_the_columns():
    mask = np.array([[True, False], [True, True]])
    assert segmentation.rle(mask) == [0, 2, 1, 1]
    assert segmentation.rle(~mask) == [2, 1, 1]
    written = segmentation.coco(result([[0.0]], size=(2, 2)), mask[None], "a.png")
    assert written["annotations"][0]["bbox"] == [0, 0, 2, 2]
    assert written["annotations"][0]["area"] == 3
    from benchmarks.instances import to_mask

    assert (to_mask(written["annotations"][0]["segmentation"], 2, 2) == mask).all()


def test_a_published_model_through_the_task(models, images):
    found = segmentation.segment(models, CLIPSEG, images[0], ["a cat", "a dog"])
    assert found.labels == ["a cat", "a dog"]
    assert found.size == images[0].size
    assert found.probabilities.shape[0] == 2
    assert (found.probabilities >= 0).all()
    assert (found.probabilities <= 1).all()
    like = segmentation.segment_like(models, CLIPSEG, images[0], images[1])
    assert like.labels == ["like the example"]


def test_a_picture_is_looked_at_once(models, images, monkeypatch):
    segmentation.segment(models, CLIPSEG, images[0], ["a cat"])
    call, called = models.call, []
    monkeypatch.setattr(models, "call", lambda name, method, *args: called.append(method) or call(name, method, *args))
    segmentation.segment(models, CLIPSEG, images[0], ["a dog"])
    assert called == ["segment"]


def test_what_is_missing_is_said(models, images):
    with pytest.raises(UserError, match="Choose a picture first"):
        segmentation.segment(models, EMBEDDED, None, ["a cat"])
    with pytest.raises(UserError, match="example picture, too"):
        segmentation.segment_like(models, EMBEDDED, images[0], None)
    with pytest.raises(UserError, match="takes phrases only"):
        segmentation.segment_like(models, "nvidia/groupvit-gcc-yfcc", images[0], images[1])
    with pytest.raises(UserError, match="too small or outside"):
        segmentation.segment_like(models, EMBEDDED, images[0], images[1], [500, 500, 600, 600])


def test_a_box_is_four_numbers():
    assert segmentation.parse_box("") is None
    assert segmentation.parse_box("1, 2.5; 30 40") == [1, 2.5, 30, 40]
    with pytest.raises(UserError, match="four numbers"):
        segmentation.parse_box("1, 2, 3")


def test_a_very_flat_picture(models):
    strip = Image.new("RGB", (640, 20), "red")
    found = segmentation.segment(models, EMBEDDED, strip, ["a cat"])
    assert segmentation.masks(found).shape == (1, 20, 640)
