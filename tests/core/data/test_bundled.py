# SPDX-License-Identifier: Apache-2.0

"""The gallery that comes with the lab, and the vectors beside it."""

import json
import shutil

import numpy as np
import pytest

from core import images
from core.data.bundled import bundled, fingerprint
from core.errors import UserError
from recipes.gallery_vectors import freeze
from tests.core.data.gallery_fakes import CountingModels, colour_files


@pytest.fixture
def assets(tmp_path):
    folder = tmp_path / "assets"
    lines = ["file,caption,source"]
    for path, caption in colour_files(folder / "pictures", 4):
        lines.append(f"{path.name},{'' if path.stem == 'p2' else caption},somewhere")
    (folder / "captions.csv").write_text("\n".join(lines))
    return folder


def test_the_bundled_gallery_is_read_only(assets, tmp_path):
    gallery = bundled(assets)
    assert [item.id for item in gallery.items] == ["p0", "p1", "p2", "p3"]
    with pytest.raises(UserError, match="cannot be changed"):
        gallery.add(colour_files(tmp_path / "more", 1))
    with pytest.raises(UserError, match="cannot be changed"):
        gallery.remove(["p0"])
    assert len(list((assets / "pictures").iterdir())) == 4


def test_precomputed_vectors_answer_at_once(assets):
    models = CountingModels()
    freeze(models, assets)
    assert (models.pictures, models.texts) == (4, 3)
    gallery = bundled(assets)
    vectors, (indices, captions) = gallery.vectors(models, "embedded"), gallery.caption_vectors(models, "embedded")
    assert (models.pictures, models.texts) == (4, 3)
    assert indices == [0, 1, 3]
    assert vectors.dtype == captions.dtype == np.float32
    fresh = models.embed_images("embedded", [images.read(item.path).image for item in gallery.items])
    np.testing.assert_allclose(vectors, fresh, atol=1e-3)
    gallery.vectors(models, "other")
    assert models.pictures == 12


@pytest.mark.parametrize("change", ["captions", "order", "missing picture", "damaged", "rows"])
def test_precomputed_vectors_of_another_gallery_are_not_used_and_the_log_says_so(assets, change, caplog):
    from safetensors.numpy import load_file, save_file

    path = freeze(CountingModels(), assets)
    listed = assets / "captions.csv"
    lines = listed.read_text().splitlines()
    facts = {
        "ids": json.dumps(["p0", "p1", "p2", "p3"]),
        "caption_ids": json.dumps(["p0", "p1", "p3"]),
        "fingerprint": fingerprint(assets),
    }
    if change == "captions":
        listed.write_text("\n".join(lines).replace("colour a0", "color a0"))
    elif change == "order":
        save_file(load_file(path), path, {**facts, "ids": json.dumps(["p1", "p0", "p2", "p3"])})
    elif change == "missing picture":
        (assets / "pictures" / "p3.png").unlink()
    elif change == "damaged":
        path.write_bytes(path.read_bytes()[:50])
    else:
        rows = load_file(path)
        save_file({**rows, "image": rows["image"][:3]}, path, facts)
    caplog.set_level("INFO", "core.data.bundled")
    models, gallery = CountingModels(), bundled(assets)
    assert len(gallery.vectors(models, "embedded")) == len(gallery)
    assert models.pictures == len(gallery)
    (record,) = caplog.records
    assert ("cannot be read" if change == "damaged" else "of another one") in record.getMessage()


def test_keeping_a_copy_of_the_assets_leaves_precomputed_vectors_valid(assets, tmp_path):
    """Only what was listed counts: neither the place nor the line ends of a checkout."""
    freeze(CountingModels(), assets)
    moved = shutil.copytree(assets, tmp_path / "elsewhere")
    (moved / "captions.csv").write_bytes((assets / "captions.csv").read_bytes().replace(b"\n", b"\r\n"))
    models = CountingModels()
    bundled(moved).vectors(models, "embedded")
    assert models.pictures == 0
