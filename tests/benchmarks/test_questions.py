# SPDX-License-Identifier: Apache-2.0

"""Questions written from instances, and how answers to them are counted."""

import numpy as np
import pytest

from benchmarks import masks, questions
from benchmarks.instances import Instance, to_mask
from benchmarks.questions import Item
from core.mask import Mask
from core.results import Answers

CATEGORIES = ["person", "dog", "bus", "pizza"]


def instance(category, group, share, crowd=False):
    mask = np.zeros((10, 100), bool)
    mask.ravel()[: round(share * 1000)] = True
    return Instance(category, group, mask, crowd)


PICTURES = [
    [instance("dog", "animal", 0.2), instance("dog", "animal", 0.1), instance("person", "person", 0.005)],
    [instance("person", "person", 0.3, crowd=True), instance("bus", "vehicle", 0.5)],
]


def test_existence_is_balanced_and_leaves_out_what_is_small():
    items = questions.existence(PICTURES, CATEGORIES)
    yes = [(item.picture, item.question) for item in items if "yes" in item.right]
    no = [(item.picture, item.question) for item in items if "no" in item.right]
    assert yes == [(0, "Is there a dog?"), (1, "Is there a person?"), (1, "Is there a bus?")]
    assert len(no) == 3
    assert not set(no) & {(0, "Is there a person?"), (1, "Is there a person?")}, "small, but there"


def test_counting_leaves_out_crowds_and_small_things():
    items = questions.counting(PICTURES, CATEGORIES)
    assert items == [
        Item(0, "How many dogs are there?", frozenset({"2"}), "2"),
        Item(1, "How many buses are there?", frozenset({"1"}), "1"),
    ]
    assert [questions.plural(word) for word in ("person", "sandwich", "puppy", "sheep")] == ["people", "sandwiches", "puppies", "sheep"]  # fmt: skip


def test_identity_takes_any_that_is_there():
    assert questions.identity(PICTURES, CATEGORIES) == [
        Item(0, "What animal is in the picture?", frozenset({"dog"})),
        Item(1, "What vehicle is in the picture?", frozenset({"bus"})),
    ]


def test_accuracy_is_the_mean_over_strata_and_the_prior_a_third():
    items = [Item(0, "q", frozenset({str(n)}), str(min(n, 3))) for n in (1, 1, 1, 1, 2, 3, 5)]
    assert questions.prior(items) == ["1"] * 7
    found = questions._measured(items, ["1", "1", "1", "2", "2", "3", "3"], questions.prior(items))
    assert found.value == pytest.approx((0.75 + 1 + 0.5) / 3)
    assert found.prior == pytest.approx(1 / 3)


def test_each_kind_is_measured_with_its_calibration(monkeypatch):
    says = {"Is": {"yes": 0.6, "no": 0.4}, "How": {"1": 1.0}, "What": {"dog": 0.9}, "Where": {"left": 0.5}}

    def answer(models, name, image, asked):
        return [Answers(question, says[question.split()[0]]) for question in asked]

    monkeypatch.setattr(questions.vqa, "answer", answer)
    found = questions.figures(None, "any", [None, None], PICTURES, CATEGORIES)
    assert (found["existence"].value, found["existence"].prior) == (0.5, 0.5)
    assert found["existence.ECE"].value == pytest.approx(0.1)
    assert found["counting"].value == 0.5
    assert found["counting.ECE"].value == pytest.approx(0.5)
    assert found["counting.roughly"].value == 0.5
    assert found["identity"].value == 0.5
    assert found["identity.ECE"].value == pytest.approx(0.4)


def test_a_place_is_that_of_the_middle_of_the_box():
    mask = np.zeros((30, 90), bool)
    mask[:8, 70:] = True
    assert questions._places(mask) == {"right", "top"}
    mask[:] = True
    assert questions._places(mask) == {"middle"}


def test_masks_are_measured(monkeypatch):
    truth = PICTURES[0][0].mask | PICTURES[0][1].mask  # a fifth of the picture
    found = {"dog": truth, "bus": np.zeros_like(truth), "pizza": ~truth, "person": truth}

    def cut(prompts, anyway=False):
        shown = {**found, "pizza": np.zeros_like(truth)} if not anyway else found
        return [Mask.of(prompt, shown[prompt]) for prompt in prompts]

    monkeypatch.setattr(masks.segmentation, "segment", lambda models, name, image, prompts: prompts)
    monkeypatch.setattr(masks.segmentation, "masks", cut)
    monkeypatch.setattr(masks.segmentation, "shown", lambda prompts: np.stack([0.9 * found[one] for one in prompts]))
    figures = masks.figures(None, "any", [None], PICTURES[:1], CATEGORIES)
    assert figures["mIoU"].value == figures["mIoU_large"].value == 1
    anyway = figures["absent_area anyway"].value
    assert anyway == pytest.approx((0 + 0.8) / 2), "a small person is present, so it is no absent one"
    assert figures["absent_area"].value == 0
    # Of the pixels said to be 0.9: all of the dog's, none of the pizza's, a few of the person's.
    assert 0.2 < figures["ECE"] < 0.35


def test_polygons_and_both_kinds_of_run_lengths():
    square = to_mask([[2, 1, 5, 1, 5, 3, 2, 3]], 6, 8)
    assert square[1:4, 2:6].all()
    assert square.sum() == 12
    runs = [13, 3, 3, 3, 3, 3, 3, 3, 14]
    assert (to_mask({"size": [6, 8], "counts": runs}, 6, 8) == square).all()
    assert (to_mask({"size": [6, 8], "counts": "=3300000;"}, 6, 8) == square).all()  # as pycocotools writes it
