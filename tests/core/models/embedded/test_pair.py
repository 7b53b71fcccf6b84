# SPDX-License-Identifier: Apache-2.0

"""The embedded pair on pictures of our own, and its anchors against the towers they were made from."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from core.assets import EMBEDDED_FOLDER
from core.engine import Engine
from core.models.embedded.pair import EmbeddedPair
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.models.layers.asif import relative
from core.models.layers.towers import views
from core.results import contributions
from core.settings import Settings
from core.tasks import zero_shot

EXAMPLES = EMBEDDED_FOLDER.parent / "examples"


@pytest.fixture(scope="module")
def lab():
    return Models(Engine(Settings(device="cpu")))


def photo(name):
    return Image.open(EXAMPLES / f"{name}.jpg").convert("RGB")


def test_relative_representation_is_the_papers_steps_2_to_5():
    vectors = torch.tensor([[0.6, 0.8], [-1.0, 0.0]])
    pair = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6], [0.0, -1.0]])
    similarities = vectors @ pair.T  # [[.6, .8, .96, -.8], [-1, 0, -.8, 0]]
    expected = torch.tensor([0.0, 0.8**2, 0.96**2, 0.0])
    got = relative(vectors, pair, k=2, p=2)
    assert torch.allclose(got[0], expected / expected.norm())
    assert torch.equal(got[1], torch.zeros(4))  # nothing but negative similarities: zeros, never NaN
    assert torch.isfinite(relative(vectors, pair, k=99, p=1.5)).all()
    assert similarities.shape == got.shape


@pytest.mark.slow
def test_the_right_label_wins_on_photographs(lab):
    labels = ["cat", "dog", "cup of coffee", "guitar", "boat", "astronaut"]
    names = ["kitten-yarn-ball", "dog-german-shepherd", "coffee-cup-spoon", "drum-kit-guitar", "rowing-boats-shore"]
    result = zero_shot.classify(lab, EMBEDDED, [photo(name) for name in names], labels)
    assert np.array(result.scores).argmax(1).tolist() == [0, 1, 2, 3, 4]
    assert np.array(result.scores)[0, 0] > 0.8


def test_shipped_anchors_are_what_minilm_makes_of_names_and_definitions(lab):
    from safetensors.torch import load_file

    shipped = load_file(EMBEDDED_FOLDER / "anchors.safetensors")
    listed = json.loads((EMBEDDED_FOLDER / "anchors.json").read_text())
    assert len(listed) == 1000
    pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
    with torch.inference_mode():
        for anchor in listed[::250]:
            texts = [f"a photo of a {anchor['name']}", f"{anchor['name']}: {anchor['definition']}"]
            vector = torch.nn.functional.normalize(pair.towers.text_vectors(texts).sum(0), dim=0) - shipped["text_mean"]
            made = torch.nn.functional.normalize(vector, dim=0)
            assert torch.allclose(made, shipped["text"][anchor["row"]], atol=1e-4)


def test_similarity_is_the_sum_of_the_anchors_products(lab):
    picture = lab.embed_images(EMBEDDED, [photo("kitten-yarn-ball")])[0]
    text = lab.embed_texts(EMBEDDED, ["a photo of a cat"])[0]
    names = lab.detail(EMBEDDED, "anchor_names")
    every = contributions(picture, text, names, top=1000)
    assert sum(anchor.product for anchor in every) == pytest.approx(float(picture @ text), abs=1e-5)
    assert "tabby cat" in [anchor.name for anchor in every[:3]]
    assert np.linalg.norm(picture) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (3000, 40), (40, 3000), (640, 480)])
def test_inputs_of_any_shape_are_within_bounds(size):
    shapes = [tuple(view.shape[2:]) for view in views(Image.new("RGB", size))]
    assert shapes[0] == (288, 288)
    assert all(side % 32 == 0 and 32 <= side <= 4 * 384 for shape in shapes for side in shape)


def test_batches_and_single_items_agree(lab):
    pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
    texts = ["a cat", "two dogs running on a beach beside the sea at sunset", "x"]
    with torch.inference_mode():
        together = pair.embed_texts(texts)
        alone = torch.cat([pair.embed_texts([text]) for text in texts])
    assert torch.allclose(together, alone, atol=1e-5)
