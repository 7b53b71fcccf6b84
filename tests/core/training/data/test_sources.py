# SPDX-License-Identifier: Apache-2.0

"""Examples from zips and from the hub."""

import io
import json
import os
import pickle
import stat
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from core.errors import UserError
from core.training.data import sources
from core.training.data.check import check
from core.training.data.loading import Source, load


def picture(colour="red", kind="PNG", size=(8, 8)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


def zipped(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def unzip(tmp_path):
    def read(entries):
        return load(Source("zip", zipped(tmp_path / "a.zip", entries)), tmp_path / "into")

    return read


def needing(*names):
    return SimpleNamespace(needs=names)


def colour(path):
    return Image.open(path).convert("RGB").getpixel((0, 0))


def test_metadata_in_csv_gives_texts(unzip, tmp_path):
    found = unzip(
        {
            "cats & dogs/1.png": picture("red"),
            "cats & dogs/2.JPG": picture("blue", "JPEG"),
            "metadata.csv": "file_name,text\ncats & dogs/1.png,a red one\ncats & dogs/2.JPG,\n",
            "run.py": "raise SystemExit",
            "weights.pkl": pickle.dumps(print),
            "weights.bin": pickle.dumps(print),
        }
    )
    assert [example.text for example in found] == ["a red one", ""]
    assert [path.name for path in sorted((tmp_path / "into").iterdir())] == ["00000-image.jpg", "00001-image.jpg"]
    assert colour(found[1].image)[2] > 200
    assert check(found, needing("image", "text")).problems == ["row 2 has no text"]


def test_metadata_in_jsonl_gives_questions_answers_and_masks(unzip):
    mask = np.zeros((8, 8), np.uint8)
    mask[:, 4:] = 1  # as some tools write masks: of 0 and 1, black to the eye
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    rows = [
        {"file_name": "1.png", "question": "What?", "answer": "red", "caption": "c", "mask_file_name": "masks/1.png"},
        {"file_name": "1.png", "question": "Many?", "answer": "1", "caption": None, "mask_file_name": "masks/1.png"},
    ]
    found = unzip(
        {
            "1.png": picture(),
            "masks/1.png": buffer.getvalue(),
            "metadata.jsonl": "\n".join(json.dumps(row) for row in rows),
        }
    )
    assert [(row.question, row.answer, row.text) for row in found] == [("What?", "red", "c"), ("Many?", "1", "")]
    drawn = np.asarray(Image.open(found[0].mask))
    assert (drawn == np.where(mask, 255, 0)).all()
    assert len(check(found, needing("image", "question", "answer", "mask")).usable) == 2


def test_folders_are_labels_where_there_is_no_metadata(unzip):
    found = unzip({f"{label}/{n}.png": picture() for label in ("cat", "dog") for n in (1, 2)})
    assert sorted(example.label for example in found) == ["cat", "cat", "dog", "dog"]
    assert "4 examples can be used: 4 pictures, 2 labels." in check(found, needing("image", "label")).summary()
    assert {example.label for example in check(found, needing("label")).samples(2)} == {"cat", "dog"}


def test_what_is_missing_is_told_row_by_row(unzip):
    rows = "file_name,text\nok.png,a\nbroken.png,b\nabsent.png,c\nok.png,\n"
    found = unzip({"ok.png": picture(), "broken.png": b"no picture", "metadata.csv": rows})
    checked = check(found, needing("image", "text"))
    assert [example.text for example in checked.usable] == ["a"]
    assert checked.problems == [*(f"row {row} has no picture that can be read" for row in (2, 3)), "row 4 has no text"]
    assert "3 cannot" in checked.summary()


@pytest.mark.slow
def test_pictures_enter_by_the_labs_door(unzip):
    found = unzip(
        {
            "a/huge.png": picture(size=(9_000, 9_000)),
            "a/wide.png": picture(size=(2_000, 1_000)),
            "a/script.png": b"%!PS-Adobe-3.0 EPSF-3.0\n",
        }
    )
    assert sum(bool(example.image) for example in found) == 1
    (kept,) = (example.image for example in found if example.image)
    assert Image.open(kept).size == (1024, 512)


@pytest.mark.parametrize(
    "entries",
    [
        {"1.png": picture(), "metadata.csv": "picture,text\n1.png,a\n"},
        {"1.png": picture(), "metadata.jsonl": "{"},
        {"1.png": picture(), "metadata.csv": "file_name\n/etc/hostname\n"},
        {"1.png": picture(), "metadata.csv": "file_name\n../../a.zip\n"},
        {"notes.txt": "nothing"},
        {"metadata.csv": "file_name,text\n"},
        {"1.png": picture(), "1.png/2.png": picture()},
        {"a" * 300 + "/1.png": picture()},
    ],
    ids=["columns", "json", "absolute", "outside", "empty", "no rows", "file and folder", "long name"],
)
def test_a_zip_that_is_no_image_folder_is_refused_plainly(unzip, entries, tmp_path):
    with pytest.raises(UserError) as caught:
        check(unzip(entries), needing("image"))
    assert str(tmp_path) not in str(caught.value)


def link():
    entry = zipfile.ZipInfo("link.png")
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    ("entries", "match"),
    [
        ({"ok.png": picture(), "../out.png": picture()}, "outside"),
        ({"ok.png": picture(), link(): "/etc/passwd"}, "link"),
        ({"ok.png": picture(), "bomb.png": bytes(30 * 2**20)}, "unpacks to far more"),
        ({f"{n}.png": "" for n in range(20_001)}, "more than 20,000 files|unpacks"),
    ],
    ids=["path", "link", "bomb", "many"],
)
def test_zips_that_look_like_an_attack_are_refused_whole(unzip, entries, match, tmp_path):
    with pytest.raises(UserError, match=match):
        unzip(entries)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip"]


class Stream:
    """As much of an IterableDataset as is asked of one."""

    def __init__(self, rows, features):
        self.rows, self.features = rows, features

    def cast_column(self, name, feature):
        assert feature.decode is False
        return self

    def take(self, count):
        return self.rows[:count]


def test_a_hub_data_set_gives_its_first_rows(monkeypatch, tmp_path):
    import datasets

    rows = [
        {"img": {"bytes": picture("blue"), "path": None}, "label": 1, "captions": ["one", "two"]},
        {"img": {"bytes": b"%!PS", "path": "hf.eps"}, "label": -1, "captions": []},
        {"img": {"bytes": None, "path": "/etc/passwd"}, "label": 0, "captions": None},
        {"img": {"bytes": picture(), "path": None}, "label": 0, "captions": ["cut off"]},
    ]
    features = {"img": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    asked = {}

    def load_dataset(name, **options):
        asked.update(options, name=name)
        return {"test": None, "train": Stream(rows, features)}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    found = load(Source("hub:some/set", rows=3), tmp_path / "into")
    assert asked == {"name": "some/set", "streaming": True}
    assert [(row.text, row.label, bool(row.image)) for row in found] == [
        ("one", "dog", True),
        ("", "", False),
        ("", "cat", False),
    ]
    assert colour(found[0].image)[2] > 200


def test_without_a_network_the_hub_is_named_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"some/set could not be fetched.*upload a zip"):
        load(Source("hub:some/set"), tmp_path)


@pytest.mark.parametrize(
    "name", ["imagefolder", "../x/y", "/etc", "assets/gallery", "a/b/c", "https://x.y/z", "x/$(touch y)"]
)
def test_only_names_of_the_hub_are_asked_for(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_datasets", None)
    with pytest.raises(UserError, match="hub:owner/name"):
        load(Source(f"hub:{name}"), tmp_path)


def test_our_rows_are_those_of_datasets(tmp_path, unzip):
    """Beside plain `datasets` on the same folder, unpacked by hand."""
    import datasets

    entries = {f"{n}.png": picture(size=(8 + n, 8)) for n in range(4)}
    entries["metadata.csv"] = "file_name,text\n" + "".join(f"{n}.png,number {n}\n" for n in range(4))
    for name, content in entries.items():
        target = tmp_path / "plain" / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    plain = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "plain"), cache_dir=str(tmp_path / "c"))[
        "train"
    ]
    ours = unzip(entries)
    assert [(row["text"], row["image"].size) for row in plain] == [(row.text, row.picture().size) for row in ours]
    assert os.listdir(tmp_path / "into")
