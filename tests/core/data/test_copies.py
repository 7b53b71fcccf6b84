# SPDX-License-Identifier: Apache-2.0

import threading

import pytest
from PIL import Image

from core import images
from core.data.copies import copy_path, copy_picture
from core.errors import Stopped
from tests.core.data.gallery_fakes import colour_files


@pytest.fixture
def file(tmp_path):
    return colour_files(tmp_path / "in", 1)[0][0]


def test_a_copy_is_named_by_its_pixels(tmp_path, file):
    copy = copy_picture(file, tmp_path / "out")
    assert (copy.refusal, copy.note) == ("", "")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{copy.id}.jpg"]
    assert images.pixel_key(images.read(file).image).startswith(copy.id)
    assert copy_picture(file, tmp_path / "out") == copy


def test_what_its_owner_should_know_is_told(tmp_path):
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert copy_picture(tmp_path / "moving.gif", tmp_path / "out").note == "Only the first of 2 frames is used."


def test_what_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    copy = copy_picture(tmp_path / "text.png", tmp_path / "out")
    assert (copy.id, copy.refusal[:26]) == ("", "This file is not a picture")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_saved_is_refused_and_the_log_says_why(tmp_path, file, monkeypatch, caplog):
    def full(image, target, *_, **__):
        target.write_bytes(b"the first half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    copy = copy_picture(file, tmp_path / "out")
    assert copy.refusal == "The copy could not be saved: the disk may be full."
    assert list((tmp_path / "out").iterdir()) == [], "nor is half a copy left"
    (record,) = (record for record in caplog.records if record.name == "core.data.copies")
    assert record.exc_info[1].errno == 28


def test_nothing_is_read_after_a_stop(tmp_path, file, monkeypatch):
    stop = threading.Event()
    stop.set()
    monkeypatch.setattr(images, "read", None)
    with pytest.raises(Stopped):
        copy_picture(file, tmp_path / "out", stop)
    assert copy_path(tmp_path / "out", "ab") == tmp_path / "out" / "ab.jpg"
