# SPDX-License-Identifier: Apache-2.0

"""Scenes: the same for the same seed, and what is said of them is true."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.training.data import scenes
from core.training.objectives._captioning import mentions


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return scenes.make(tmp_path_factory.mktemp("scenes"), 30, seed=3)


def test_a_seed_gives_the_same_scenes(made, tmp_path):
    steps = []
    again = scenes.make(tmp_path / "a", 5, seed=3, on_step=lambda *step: steps.append(step))
    other = scenes.make(tmp_path / "b", 5, seed=4)
    assert steps == [(number, 5) for number in range(1, 6)]
    for one, same, different in zip(made, again, other, strict=False):
        assert Path(one.image).read_bytes() == Path(same.image).read_bytes() != Path(different.image).read_bytes()
        assert Path(one.mask).read_bytes() == Path(same.mask).read_bytes()
        assert (one.text, one.question, one.answer, one.label) == (same.text, same.question, same.answer, same.label)


def test_every_field_is_filled_and_true(made):
    for example in made:
        assert mentions(example.text, example.label)
        there = [name for name in scenes.OBJECTS.values() if mentions(example.text, name)]
        assert 1 <= len(there) <= 2
        if example.question == "how many things are there?":
            assert example.answer == str(len(there))
        elif example.question.startswith("is there"):
            asked = example.question.removesuffix("?").split(" ", 3)[3]
            assert example.answer == ("yes" if asked in there else "no")
        else:
            assert example.answer in ("left", "right")
    assert len({example.label for example in made}) > 10


def test_masks_are_of_what_the_text_names(made, tmp_path):
    phrases = scenes.make(tmp_path, 30, seed=3, phrases=True)
    for whole, part in zip(made, phrases, strict=True):
        assert part.text in scenes.OBJECTS.values()
        all_of_it, one = (np.asarray(Image.open(example.mask)) > 127 for example in (whole, part))
        assert all_of_it.shape == (scenes.SCENE_SIDE, scenes.SCENE_SIDE)
        assert 0.005 < one.mean() <= all_of_it.mean() < 0.9
        assert not (one & ~all_of_it).any()


def test_nothing_is_left_of_the_backdrop():
    backdrop = np.array((232, 228, 220))
    for stem in scenes.OBJECTS:
        cut = np.asarray(scenes._cut_out(stem)).astype(int)
        edge = cut[0][cut[0, :, 3] > 200]  # a row at the border of the thing
        assert (abs(edge[:, :3] - backdrop).max(-1) > 8).mean() > 0.5 if len(edge) else True
        assert 0.05 < (cut[..., 3] > 127).mean() < 0.95
