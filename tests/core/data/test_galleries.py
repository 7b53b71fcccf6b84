# SPDX-License-Identifier: Apache-2.0

import threading

import numpy as np
import pytest
from PIL import Image

from core import images
from core.data.galleries import Gallery
from core.errors import Stopped, UserError
from tests.core.data.gallery_fakes import CountingModels, colour_files


@pytest.fixture
def gallery(tmp_path):
    made = Gallery("mine", tmp_path / "gallery")
    made.add(colour_files(tmp_path / "in", 5))
    return made


def test_add_copies_small_jpegs_and_skips_bad_files_with_reasons(tmp_path):
    files = colour_files(tmp_path, 2, size=(3000, 1500))
    (tmp_path / "text.png").write_text("hello")
    steps = []
    gallery = Gallery("mine")
    report = gallery.add(
        [files[0], (tmp_path / "text.png", ""), (tmp_path / "none.jpg", ""), (files[1][0], " two\0 "), files[0]],
        on_step=lambda *step: steps.append(step),
    )
    assert [name for name, _ in report.skipped] == ["text.png", "none.jpg", "p0.png"]
    assert all(reason and str(tmp_path) not in reason for _, reason in report.skipped)
    assert "already" in report.skipped[2][1]
    assert list(gallery.items) == report.added
    assert [item.caption for item in gallery.items] == ["colour a0", "two"]
    assert steps == [(i, 5) for i in range(1, 6)]
    for item in gallery.items:
        with Image.open(item.path) as copy:
            assert (copy.format, copy.size) == ("JPEG", (1024, 512))
        assert item.path.endswith(f"{item.id}.jpg")
    assert len(list(gallery.folder.iterdir())) == 2


def test_what_the_owner_of_a_picture_should_know_is_reported(tmp_path):
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue", "green")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    report = Gallery("mine").add([(tmp_path / "moving.gif", ""), *colour_files(tmp_path, 1)])
    assert report.notes == [("moving.gif", "Only the first of 3 frames is used.")]
    assert (len(report.added), report.skipped) == (2, [])


def test_ids_come_from_pixels_not_from_the_file(tmp_path):
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
    Image.new("RGB", (9, 9), "red").save(tmp_path / "b.bmp")
    gallery = Gallery("mine")
    assert len(gallery.add([(tmp_path / "a.png", "")]).added) == 1
    assert gallery.add([(tmp_path / "b.bmp", "")]).added == []
    assert images.pixel_key(Image.new("RGB", (9, 9), "red")).startswith(gallery.items[0].id)


def test_the_folder_goes_with_the_gallery(tmp_path):
    gallery = Gallery("mine")
    gallery.add(colour_files(tmp_path, 1))
    folder = gallery.folder
    assert folder.is_dir()
    del gallery
    assert not folder.exists()


def test_vectors_are_computed_once_and_only_for_new_pictures(gallery, tmp_path):
    models = CountingModels()
    first = gallery.vectors(models, "m")
    assert first.shape == (5, 4)
    assert first.dtype == np.float32
    assert gallery.vectors(models, "m") is first
    assert models.pictures == 5
    gallery.add(colour_files(tmp_path / "more", 2, first=5))
    steps = []
    again = gallery.vectors(models, "m", lambda *step: steps.append(step))
    assert models.pictures == 7
    assert steps[-1] == (2, 2)
    np.testing.assert_array_equal(again[:5], first)
    gallery.vectors(models, "other")
    assert models.pictures == 14


def test_rows_follow_items(gallery):
    models = CountingModels()
    gallery.vectors(models, "m")
    doomed = gallery.items[1]
    assert gallery.remove([doomed.id, "unknown"]) == 1
    assert len(gallery) == 4
    assert not (gallery.folder / f"{doomed.id}.jpg").exists()
    vectors = gallery.vectors(models, "m")
    assert models.pictures == 5
    wanted = models.embed_images("m", [images.read(item.path).image for item in gallery.items])
    np.testing.assert_array_equal(vectors, wanted)


def test_an_old_snapshot_gets_rows_of_its_own(gallery, tmp_path):
    models, before = CountingModels(), gallery.items
    gallery.add(colour_files(tmp_path / "more", 3, first=5))
    assert len(gallery.vectors(models, "m", items=before)) == 5
    assert len(gallery.vectors(models, "m")) == 8
    assert models.pictures == 8


def test_a_stopped_run_keeps_what_was_finished(tmp_path):
    gallery, stop = Gallery("mine"), threading.Event()
    gallery.add(colour_files(tmp_path, 40))
    models = CountingModels()
    with pytest.raises(Stopped):
        gallery.vectors(models, "m", lambda done, _: done == 20 and stop.set(), stop)
    assert models.pictures == 32  # the second batch of 16 was under way
    assert len(gallery.vectors(models, "m")) == 40
    assert models.pictures == 40


def test_a_failing_model_keeps_what_was_finished(tmp_path):
    gallery = Gallery("mine")
    gallery.add(colour_files(tmp_path, 20))

    def fail():
        if models.pictures:
            raise UserError("out of memory")

    models = CountingModels(fail)
    with pytest.raises(UserError, match="out of memory"):
        gallery.vectors(models, "m")
    models.before = lambda: None
    gallery.vectors(models, "m")
    assert models.pictures == 20


def test_a_stopped_add_keeps_what_was_finished(tmp_path):
    gallery, stop = Gallery("mine"), threading.Event()
    with pytest.raises(Stopped):
        gallery.add(colour_files(tmp_path, 6), lambda done, _: done == 2 and stop.set(), stop)
    assert [item.caption for item in gallery.items] == ["colour a0", "colour a1"]


def test_two_threads_embed_once(gallery):
    models = CountingModels()
    threads = [threading.Thread(target=gallery.vectors, args=(models, "m")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert models.pictures == 5


def test_waiting_for_another_embedding_can_be_stopped(gallery):
    inside, go_on, stop = threading.Event(), threading.Event(), threading.Event()
    models = CountingModels(lambda: (inside.set(), go_on.wait(10)))
    thread = threading.Thread(target=gallery.vectors, args=(models, "m"))
    thread.start()
    inside.wait(10)
    stop.set()
    with pytest.raises(Stopped):
        gallery.vectors(models, "m", stop=stop)
    go_on.set()
    thread.join()
    assert models.pictures == 5


def test_caption_vectors_leave_out_items_without_one(tmp_path):
    gallery, models = Gallery("mine"), CountingModels()
    files = colour_files(tmp_path, 4)
    gallery.add([(path, "" if i == 1 else caption) for i, (path, caption) in enumerate(files)])
    indices, vectors = gallery.caption_vectors(models, "m")
    assert indices == [0, 2, 3]
    np.testing.assert_array_equal(vectors, models.embed_texts("m", ["colour a0", "colour a2", "colour a3"]))
    gallery.caption_vectors(models, "m")
    assert models.texts == 6
    assert models.pictures == 0


def test_an_empty_gallery_has_no_rows():
    assert len(Gallery("mine").vectors(CountingModels(), "m")) == 0
    assert Gallery("mine").caption_vectors(CountingModels(), "m")[0] == []


def test_a_picture_that_is_gone_is_named(gallery):
    (gallery.folder / f"{gallery.items[2].id}.jpg").unlink()
    with pytest.raises(UserError, match="colour a2") as caught:
        gallery.vectors(CountingModels(), "m")
    assert str(gallery.folder) not in str(caught.value)


def test_a_full_gallery_takes_no_more(gallery, tmp_path, monkeypatch):
    monkeypatch.setattr("core.data.galleries.MAX_ITEMS", 6)
    report = gallery.add(colour_files(tmp_path / "more", 3, first=5))
    assert len(report.added) == 1
    assert [name for name, reason in report.skipped if "full" in reason] == ["p6.png", "p7.png"]
