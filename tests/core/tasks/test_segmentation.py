# SPDX-License-Identifier: Apache-2.0

import json
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from core import images as images_module
from core.assets import EXAMPLES_FOLDER
from core.errors import Stopped, UserError
from core.mask import Mask
from core.models.family import EMBEDDED
from core.results import Segmentation
from core.tasks import _full_size, segmentation
from tests.test_architecture import ROOT

CLIPSEG = "CIDAS/clipseg-rd64-refined"


def result(*maps, size=(8, 4)):
    return Segmentation([f"thing {n}" for n in range(len(maps))], size, np.array(maps, np.float32), {})


def test_prompts_are_split_trimmed_and_deduplicated():
    assert segmentation.parse_prompts(" a cat, a dog\n\na cat,, \0sky ") == ["a cat", "a dog", "sky"]
    longest = [f"{n:02} {'x' * 190}" for n in range(16)]
    assert segmentation.parse_prompts("\n".join(longest)) == longest, "as many and as long as the messages say"


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


def pixels(found):
    return [mask.pixels().tolist() for mask in found]


def test_masks_at_a_threshold_and_exclusive():
    found = result([[0.9, 0.9, 0.2, 0.2]], [[0.6, 0.6, 0.6, 0.1]], size=(4, 1))
    assert pixels(segmentation.masks(found, 0.5)) == [[[True, True, False, False]], [[True, True, True, False]]]
    assert pixels(segmentation.masks(found, 0.5, exclusive=True)) == [
        [[True, True, False, False]],
        [[False, False, True, False]],
    ]
    assert pixels(segmentation.masks(found, 0)) == [[[True] * 4]] * 2
    for bad in (float("nan"), -0.1, 1.1):
        with pytest.raises(UserError, match="between 0 and 1"):
            segmentation.masks(found, bad)


@pytest.mark.parametrize("size", [(301, 207), (9, 7), (40, 150)])
@pytest.mark.parametrize("exclusive", [False, True])
def test_strips_give_what_the_whole_map_gives(size, exclusive, monkeypatch):
    maps = np.random.default_rng(0).random((5, 21, 33), np.float32)
    full = np.stack([np.asarray(Image.fromarray(map_).resize(size, Image.Resampling.BILINEAR)) for map_ in maps])
    expected = full >= 0.5
    if exclusive:
        expected &= full.argmax(0) == np.arange(5)[:, None, None]
    monkeypatch.setattr(_full_size, "PIXELS_AT_ONCE", 1_000)
    found = segmentation.masks(result(*maps, size=size), 0.5, exclusive)
    assert np.mean(np.array(pixels(found)) != expected) < 1e-4
    assert [mask.label for mask in found] == [f"thing {n}" for n in range(5)]


def test_masks_stop_between_prompts():
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        segmentation.masks(result([[0.0]]), stop=stop)


def test_coco_is_what_its_own_tools_read(tmp_path):
    from pycocotools.coco import COCO

    own = np.random.default_rng(0).random((2, 40, 30)) > 0.6
    own[1] = False
    own[1, 3:9, 4:20] = True
    found = [Mask.of(f"thing {n}", mask) for n, mask in enumerate([*own, np.zeros((40, 30), bool)])]
    (tmp_path / "masks.json").write_text(json.dumps(segmentation.coco(found, "a.png")))
    read = COCO(tmp_path / "masks.json")
    assert read.imgs[1] == {"id": 1, "file_name": "a.png", "width": 30, "height": 40}
    assert [category["name"] for category in read.cats.values()] == ["thing 0", "thing 1", "thing 2"]
    assert [row["category_id"] for row in read.anns.values()] == [1, 2], "what is nowhere has no annotation"
    for row, mask in zip(read.anns.values(), own, strict=True):
        assert (read.annToMask(row) == mask).all()
        assert row["area"] == mask.sum()
    assert read.anns[2]["bbox"] == [4, 3, 16, 6]

    from benchmarks.instances import to_mask

    assert (to_mask(read.anns[1]["segmentation"], 40, 30) == own[0]).all()


@pytest.mark.slow
def test_coordinates_are_those_of_the_file(models, monkeypatch, tmp_path):
    """A picture of four times the pixels that are kept: the task sees it smaller, and says nothing of that."""
    kitten = Image.open(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg").resize((1440, 960))
    size = kitten.size
    monkeypatch.setattr("core.images.KEPT_PIXELS", size[0] * size[1] // 4)
    kitten.save(tmp_path / "large.png")
    image = images_module.read(tmp_path / "large.png").image
    assert image.size == (size[0] // 2, size[1] // 2)
    found = segmentation.segment(models, EMBEDDED, image, ["a cat"])
    (mask,) = segmentation.masks(found)
    assert found.size == mask.size == size
    plain = segmentation.segment(models, EMBEDDED, Image.open(tmp_path / "large.png"), ["a cat"])
    (expected,) = segmentation.masks(plain)
    both, either = (mask.pixels() & expected.pixels()).sum(), (mask.pixels() | expected.pixels()).sum()
    assert both / either > 0.95
    assert mask.box == pytest.approx(expected.box, abs=16)
    assert segmentation.coco([mask], "large.png")["images"][0]["width"] == size[0]

    asked = []
    monkeypatch.setattr(models, "call", lambda *args: asked.append(args[3:]) or torch.zeros(4, 6))
    monkeypatch.setattr(models, "encode", lambda *_: {})
    segmentation.refine(models, "sam", image, found, "a cat", [(100, 60, True)], (10, 20, 200, 300))
    assert asked == [([(50, 30, True)], (5, 10, 100, 150))]
    crops = []
    monkeypatch.setattr(models, "call", lambda *args: crops.extend(args[3]) or {"logits": torch.zeros(1, 4, 6)})
    segmentation.segment_like(models, EMBEDDED, image, image, (10, 20, 210, 320))
    assert crops[0].size == images_module.original_size(crops[0]) == (100, 150)


@pytest.mark.slow
def test_the_program_shown_prints_what_the_page_says(models, tmp_path, monkeypatch, capsys):
    prompts = ["a cat", "a ball of wool"]
    image = images_module.read(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg").image
    found = segmentation.masks(segmentation.segment(models, EMBEDDED, image, prompts))
    monkeypatch.chdir(ROOT)
    text = segmentation.program(models, EMBEDDED, "kitten-yarn-ball.jpg", prompts)
    assert text.startswith("# Run this from the lab's folder, the one with app.py.\n")
    exec(compile(text, "program", "exec"), {})
    assert capsys.readouterr().out.splitlines() == [
        f"{mask.label}: {mask.coverage:.1%} of the picture" for mask in found
    ]


def test_a_published_model_through_the_task(models, images):
    found = segmentation.segment(models, CLIPSEG, images[0], ["a cat", "a dog"])
    assert found.labels == ["a cat", "a dog"]
    assert found.size == images[0].size
    assert found.probabilities.shape[0] == 2
    assert (found.probabilities >= 0).all()
    assert (found.probabilities <= 1).all()
    like = segmentation.segment_like(models, CLIPSEG, images[0], images[1])
    assert like.labels == ["like the example"]


def test_a_picture_is_encoded_once(models, images, monkeypatch):
    segmentation.segment(models, CLIPSEG, images[0], ["a cat"])
    ran, called = models.engine._on_device, []
    monkeypatch.setattr(models.engine, "_on_device", lambda *args: called.append(args[2]) or ran(*args))
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
    assert [mask.pixels().shape for mask in segmentation.masks(found)] == [(20, 640)]
