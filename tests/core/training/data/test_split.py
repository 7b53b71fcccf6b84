# SPDX-License-Identifier: Apache-2.0

"""A picture stands on one side of the split only, however many captions or questions it has."""

import json

import pytest
import torch
from PIL import Image

from core.errors import UserError
from core.training.data.example import Example
from core.training.data.split import Split, share_pictures, split_by_picture, split_by_row
from core.training.request import Request, prepare
from core.training.run_folder import RunFolder
from tests.core.training.toy import toy  # noqa: F401  a fixture


def old_rule(n, held_out, seed):
    """As the lab split before there was a split.json."""
    held = max(1, round(n * held_out))
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist()
    return Split(sorted(order[held:]), sorted(order[:held]))


def captions_of(sizes):
    """A picture's name for each row, the rows of several pictures mixed."""
    return [f"p{picture}" for turn in range(max(sizes)) for picture, size in enumerate(sizes) if turn < size]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sizes", [[5] * 20, [1, 2, 3, 4, 5] * 8, [1] * 30 + [12, 9]], ids=["five", "few", "two large"])
def test_no_picture_is_on_both_sides_and_the_sizes_are_near_what_is_asked(sizes, seed):
    pictures = captions_of(sizes)
    split = split_by_picture(pictures, 0.2, seed)
    train, held = ({pictures[row] for row in rows} for rows in (split.train, split.held_out))
    assert not train & held
    assert sorted(split.train + split.held_out) == list(range(len(pictures)))
    assert abs(len(split.held_out) - 0.2 * len(pictures)) <= max(sizes) / 2
    assert split == split_by_picture(pictures, 0.2, seed)


def test_another_seed_is_another_split():
    pictures = captions_of([3] * 20)
    assert split_by_picture(pictures, 0.2, 3) != split_by_picture(pictures, 0.2, 4)


@pytest.mark.parametrize(("n", "held_out"), [(4, 0.2), (50, 0.2), (253, 0.4), (101, 0.05)])
def test_with_a_picture_for_each_row_it_is_what_it_was(n, held_out):
    for seed in (0, 7):
        wanted = old_rule(n, held_out, seed)
        assert split_by_picture([str(row) for row in range(n)], held_out, seed) == wanted
        assert split_by_row(n, held_out, seed) == wanted


def test_of_large_pictures_one_is_held_out():
    split = split_by_picture(captions_of([10, 8, 9]), 0.05, 0)
    assert len(split.held_out) == 8


@pytest.mark.parametrize(
    ("pictures", "match"),
    [
        (["a"], "1 examples are too few"),
        (["a", "b", "c"], "3 examples are too few"),
        (["a"] * 50, "of one picture"),
        (["a", *["b"] * 3], None),
        (["a"] * 2 + ["b"], "3 examples"),
    ],
)
def test_what_cannot_be_split_is_refused(pictures, match):
    if match is None:
        assert split_by_picture(pictures, 0.2, 0) == Split([1, 2, 3], [0])
        return
    with pytest.raises(UserError, match=match):
        split_by_picture(pictures, 0.2, 0)


@pytest.fixture
def examples(tmp_path):
    """Ten pictures with two captions each; of the first there are two files, one of them a PNG with other bytes."""
    rows = []
    for number in range(10):
        image = Image.new("RGB", (8, 8), (20 * number, 0, 0))
        for caption in range(2):
            path = tmp_path / f"{number}-{caption if number == 0 else 0}.png"
            image.save(path, compress_level=9 - caption)
            rows.append(Example(str(path), str(number)))
    return rows


def test_equal_pixels_are_one_picture_whatever_files_they_came_in(examples):
    assert examples[0].image != examples[1].image
    shared = share_pictures(examples)
    assert shared[0].image == shared[1].image == examples[0].image
    assert len({example.image for example in shared}) == 10


def test_a_picture_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "no.png").write_bytes(b"no picture")
    with pytest.raises(UserError):
        share_pictures([Example(str(tmp_path / "no.png"))])


def test_a_new_run_keeps_its_split_and_an_old_one_goes_on_by_the_old_rule(tmp_path, examples, toy):  # noqa: F811
    folder = RunFolder(tmp_path / "run")
    folder.lay_out(prepare(Request("toy", "numbers"), examples))
    kept = folder.examples()
    split = folder.split(20, 0.2, 0)
    assert not {kept[row].image for row in split.train} & {kept[row].image for row in split.held_out}
    assert len(split.held_out) == 4
    assert len(list((folder.path / "data").iterdir())) == 10
    assert folder.split(20, 0.9, 5) == split  # whatever rule a later version has
    (folder.path / "split.json").unlink()
    assert folder.split(20, 0.2, 0) == old_rule(20, 0.2, 0)


@pytest.mark.parametrize("text", ["{", "[]", '{"train": [0]}', json.dumps({"train": [0, 1], "held_out": [1]})])
def test_a_split_of_other_examples_is_refused(tmp_path, text):
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(UserError, match="split"):
        RunFolder(tmp_path).split(3, 0.2, 0)
