# SPDX-License-Identifier: Apache-2.0

"""Every file in assets/ is accounted for, and the small ones stay small."""

import csv
import json

from PIL import Image

from core.assets import ASSETS, GALLERY_FOLDER
from core.data.bundled import bundled, fingerprint
from core.data.galleries import Space
from core.models.catalog import revision
from core.models.family import EMBEDDED

OPEN = ("public domain", "CC0", "CC BY", "GPL", "LGPL", "MIT", "BSD")


def gallery_rows():
    with (GALLERY_FOLDER / "captions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_file_is_named_in_licenses_md():
    text = (ASSETS / "LICENSES.md").read_text()
    files = [path.name for path in ASSETS.rglob("*") if path.is_file() and path.name != "LICENSES.md"]
    assert not [name for name in files if name not in text]


def test_the_gallery_is_whole_open_and_captioned():
    rows = gallery_rows()
    assert len(rows) >= 200
    assert {row["file"] for row in rows} == {path.name for path in (GALLERY_FOLDER / "pictures").iterdir()}
    assert all(row["licence"].startswith(OPEN) and row["author"] and row["url_or_package"] for row in rows)
    assert not [row["licence"] for row in rows if "NC" in row["licence"] or "ND" in row["licence"]]
    assert len({row["caption"] for row in rows}) == len(rows)
    for row in rows[::20]:
        with Image.open(GALLERY_FOLDER / "pictures" / row["file"]) as picture:
            assert max(picture.size) <= 384
            assert not picture.getexif()


def test_shipped_vectors_belong_to_the_shipped_gallery():
    gallery = bundled()
    assert Space("image", EMBEDDED, revision(EMBEDDED)) in gallery.known()
    assert all(rows.whole for rows in gallery.known().values())
    assert len(fingerprint()) == 64


def test_objects_are_listed_in_the_order_of_the_captions():
    with (GALLERY_FOLDER / "objects.csv").open(encoding="utf-8", newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == [row["file"] for row in gallery_rows()]


def test_weights_stay_under_their_budget():
    weights = sum(path.stat().st_size for path in ASSETS.rglob("*.safetensors"))
    assert weights < 40e6
    assert json.loads((ASSETS / "embedded" / "calibration.json").read_text())["presence"]["scale"] > 0
