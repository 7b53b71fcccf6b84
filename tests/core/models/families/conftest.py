# SPDX-License-Identifier: Apache-2.0

"""What the tests of several kinds of models are given."""

import numpy as np
import pytest
from PIL import Image

from core.engine import Engine
from core.settings import Settings


@pytest.fixture
def engine():
    """Nothing is cached, so that every call reaches the model."""
    return Engine(Settings(device="cpu", cache_mb=0))


@pytest.fixture(scope="module")
def image():
    """Twice as wide as high."""
    noise = np.random.default_rng(1)
    return Image.fromarray(noise.integers(0, 255, (40, 80, 3), dtype=np.uint8))
