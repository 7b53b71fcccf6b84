# SPDX-License-Identifier: Apache-2.0

import threading
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from core.errors import Stopped, UserError
from core.tasks import occlusion
from core.tasks.occlusion import judge, occlude

BRIGHT = 200


@pytest.fixture
def picture():
    """Dark noise with a bright lower left corner, a quarter of each side."""
    pixels = np.random.default_rng(0).integers(0, 40, (96, 144, 3), dtype=np.uint8)
    pixels[72:, :36] = BRIGHT
    return Image.fromarray(pixels)


def corner(images):
    """The mean of the lower left corner, 0..1, whatever the picture's size."""
    return [float(np.asarray(image)[-image.height // 4 :, : image.width // 4].mean()) / 255 for image in images]


@pytest.mark.parametrize("method", occlusion.METHODS)
@pytest.mark.parametrize("fill", ["blur", "mean"])
def test_the_map_peaks_where_the_score_comes_from(picture, method, fill):
    found = occlude(corner, picture, method, fill=fill)
    assert found.map.shape == (48, 48)
    row, column = np.unravel_index(found.map.argmax(), found.map.shape)
    assert row >= 36
    assert column < 12
    assert found.map[36:, :12].mean() > 4 * np.abs(found.map[:24, 24:]).mean()
    assert found.whole == pytest.approx(BRIGHT / 255, abs=0.01)
    assert int(np.argmin(found.ninths)) == 6, "the lower left of nine"


@pytest.mark.parametrize("method", occlusion.METHODS)
def test_a_good_order_beats_a_random_one_and_a_bad_one_does_not(picture, method):
    found = occlude(corner, picture, method)
    assert found.deletion < 0.15 < 0.35 < found.random_deletion
    assert found.insertion > 0.85 > 0.65 > found.random_insertion
    assert len(found.deletion_curve) == len(found.random_insertion_curve) == 9
    assert found.deletion_curve[0] == found.insertion_curve[-1] == found.whole
    upside_down = judge(corner, picture, -found.map)
    assert upside_down.deletion > 0.9 > upside_down.random_deletion == found.random_deletion
    assert upside_down.insertion < 0.1


def test_squares_measure_the_fall_of_the_score():
    """Where the score is the share of white and the ground is black, each square's fall is its own area's."""
    white = Image.new("RGB", (96, 96), "white")
    black_under = occlusion._windows(3, 1)
    falls = 1 - black_under.mean((1, 2))
    np.testing.assert_allclose(occlusion._falls(black_under, falls), np.full((48, 48), 1 / 9), atol=1e-6)
    assert np.isnan(occlude(lambda images: [1.0] * len(images), white).deletion), "nothing to be judged"


def test_random_masks_are_those_of_the_paper():
    masks = occlusion.random_masks(400)
    assert masks.shape == (400, 48, 48)
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert masks.mean() == pytest.approx(occlusion.KEPT, abs=0.01)
    assert np.abs(masks.mean(0) - occlusion.KEPT).max() < 0.12, "no place is hidden more often than others"
    assert ((masks > 0.01) & (masks < 0.99)).mean() > 0.3, "between two cells lies a slope"
    assert len({mask.tobytes() for mask in masks}) == 400


def test_counting_what_was_kept_is_nearer_to_the_truth_than_expecting_it():
    """With few masks: the score is high, and hardly depends on what is kept, as a cosine does."""
    masks = occlusion.random_masks(100)
    scores = 0.4 + 0.02 * masks[:, 36:, :12].mean((1, 2))
    truth = np.zeros((48, 48))
    truth[36:, :12] = 1
    expected = np.tensordot(scores, masks, 1) / (100 * occlusion.KEPT)
    counted = occlusion._kept_scores(masks, scores)
    assert np.corrcoef(counted.ravel(), truth.ravel())[0, 1] > 0.75
    assert np.corrcoef(expected.ravel(), truth.ravel())[0, 1] < 0.5


@pytest.mark.parametrize(
    ("method", "counts"), [("square", [9, 9 + 0 + 25, 9 + 25 + 49]), ("rise", [9, 9 + 25, 9 + 50, 9 + 100])]
)
def test_maps_come_coarse_first_and_every_picture_is_counted(picture, method, counts):
    maps, steps = [], []
    found = occlude(
        corner,
        picture,
        method,
        grids=(5, 7),
        masks=100,
        steps=4,
        on_map=lambda map_, masks: maps.append((masks, map_)),
        on_step=lambda *step: steps.append(step),
    )
    assert [masks for masks, _ in maps] == counts
    assert found.masks == counts[-1]
    assert np.unravel_index(maps[0][1].argmax(), (48, 48)) >= (32, 0)
    np.testing.assert_array_equal(maps[-1][1], found.map)
    total = 1 + found.masks + 2 * 3 * 4 + 1
    assert steps[-1] == (total, total)
    assert [step[0] for step in steps] == sorted({step[0] for step in steps})
    assert max(after[0] - before[0] for before, after in pairwise(steps)) <= occlusion.AT_ONCE


def test_it_stops_between_pictures(picture):
    stop, steps = threading.Event(), []
    with pytest.raises(Stopped):
        occlude(corner, picture, on_step=lambda *step: (steps.append(step), stop.set()), stop=stop)
    assert steps == [(1, steps[0][1])]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "magic"}, "no method"),
        ({"grids": ()}, "at least one grid"),
        ({"method": "rise", "masks": 3}, "between 8 and"),
        ({"steps": 1}, "steps"),
        ({"fill": "red"}, "blur, mean"),
    ],
)
def test_bad_settings_are_said(picture, settings, message):
    with pytest.raises(UserError, match=message):
        occlude(corner, picture, **settings)


def test_large_pictures_are_asked_about_small(picture):
    sizes = set()

    def score(images):
        sizes.update(image.size for image in images)
        return corner(images)

    judge(score, picture.resize((1536, 1024)), np.ones((3, 5)), steps=2)
    assert sizes == {(768, 512)}


def test_a_slow_model_is_asked_about_few_pictures_at_a_time(picture, monkeypatch):
    now, sizes = [0.0], []
    monkeypatch.setattr(occlusion.time, "perf_counter", lambda: now[0])

    def score(images):
        sizes.append(len(images))
        now[0] += 0.2 * len(images) if len(sizes) < 9 else 0.001
        return corner(images)

    judge(score, picture, np.ones((3, 5)), steps=8)
    assert sizes[0] == 1
    assert max(sizes[1:9]) == 2
    assert max(sizes) == 7, "the stages of one curve"


def test_a_patch_that_is_deleted_is_gone():
    """None fades into its neighbours, or a random order would leave half of everything to be seen."""
    order = np.random.default_rng(0).permutation(64)
    stages = occlusion._stages(order, 4, True)
    assert stages.shape == (3, 48, 48)
    assert np.isin(stages, (0, 1)).all()
    assert stages.mean((1, 2)) == pytest.approx([0.75, 0.5, 0.25])
    assert (np.diff(stages, axis=0) <= 0).all(), "what is gone stays gone"
    np.testing.assert_array_equal(occlusion._stages(order, 4, False), 1 - stages)
