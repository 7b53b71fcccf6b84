# SPDX-License-Identifier: Apache-2.0

"""The segmenter: what it encodes, its maps, and the program that is shown for it."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.assets import EXAMPLES_FOLDER
from core.engine import Engine
from core.models.embedded.questions import bare
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.models.layers import dense_features as _dense
from core.settings import Settings
from core.tasks import segmentation


@pytest.fixture(scope="module")
def lab():
    return Models(Engine(Settings(device="cpu")))


@pytest.fixture(scope="module")
def kitten():
    return Image.open(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg").convert("RGB")


@pytest.mark.slow
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
