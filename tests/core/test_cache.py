# SPDX-License-Identifier: Apache-2.0

import numpy as np

from core.cache import ArrayCache


def test_cache_is_bounded_in_bytes():
    cache = ArrayCache(max_bytes=10 * 400)
    for n in range(100):
        cache.put(n, np.zeros((50, 100), np.float32)[n % 50])  # a row of a larger array
        cache.get(0)
    assert cache.nbytes == 4000
    assert len(cache) == 10
    assert cache.get(0) is not None, "just used"
    assert cache.get(0).base is None, "the larger array is not kept alive"
    assert cache.get(50) is None
    cache.put(0, np.zeros(50, np.float32))
    assert cache.nbytes == 4000 - 200
    cache.put("wide", np.zeros(10_000, np.float32))
    assert cache.get("wide") is None
    assert cache.nbytes <= 4000


def test_cache_is_keyed_by_model_and_content(models, images, monkeypatch):
    first, second = "openai/clip-vit-base-patch32", "google/siglip-base-patch16-224"
    once = models.embed_images(first, [images[0], images[1], images[0].copy()])
    np.testing.assert_array_equal(once[0], once[2])
    assert len(models.engine.cache) == 2
    models.embed_images(second, images[:2])
    models.embed_texts(first, ["a cat", "a cat"])
    assert len(models.engine.cache) == 5
    monkeypatch.setattr(models.engine, "map", None)  # from here on nothing may be computed
    np.testing.assert_array_equal(models.embed_images(first, images[:2]), once[:2])
