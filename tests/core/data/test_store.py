# SPDX-License-Identifier: Apache-2.0

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from core.data.galleries import Gallery
from core.data.store import Store
from core.errors import UserError
from tests.core.data.conftest import BUCKET, facts
from tests.core.data.gallery_fakes import CountingModels, colour_files

pytest.importorskip("lancedb")


def test_kept_here_read_there(place, gallery):
    models = CountingModels()
    vectors = gallery.vectors(models, "m")
    assert Store(**place).names() == []
    kept = Store(**place).keep(gallery, "  Holiday   ☀ \n")
    assert kept.name == "Holiday ☀"
    store = Store(**place)  # as another process would
    assert store.names() == ["Holiday ☀"]
    again = store.open("Holiday ☀")
    assert facts(again) == facts(gallery)
    assert store.open("Holiday ☀") is again
    np.testing.assert_array_equal(again.vectors(models, "m"), vectors)
    assert models.pictures == 5
    for item in again.items:
        assert os.path.dirname(item.path) == str(place["pictures"] / again.key)
        assert os.path.getsize(item.path) > 0


def test_the_bucket_holds_rows_and_no_picture(s3, place, gallery):
    if "storage_options" not in place:
        pytest.skip("of the S3 store only")
    Store(**place).keep(gallery, "a").vectors(CountingModels(), "m")
    listed = s3[1].list_objects_v2(Bucket=BUCKET, Prefix=place["place"].rpartition("/")[2])["Contents"]
    data = [s3[1].get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read() for entry in listed]
    assert any(gallery.items[0].id.encode() in body for body in data)
    assert not any(b"JFIF" in body for body in data)
    assert not os.path.exists("s3:")


def test_names(local, gallery, tmp_path):
    store = Store(**local)
    for bad in ("", "   ", "x" * 81, "\0\n"):
        with pytest.raises(UserError, match="1 to 80"):
            store.keep(gallery, bad)
    odd = ["../../x", "$(touch x)", "CON", "galleries", "o'brien'; --", "x" * 80, "مرحبا 🎈", "a/b\\c"]
    for name in odd:
        store.keep(gallery, name)
    assert Store(**local).names() == odd
    for name in odd:
        assert facts(Store(**local).open(name)) == facts(gallery)
    inside = {path.name for folder in (tmp_path / "store", tmp_path / "pictures") for path in folder.iterdir()}
    assert all(name == "galleries.lance" or name.startswith("gallery_") for name in inside)
    assert {path.name for path in tmp_path.iterdir()} == {"store", "pictures", "in"}
    with pytest.raises(UserError, match="already"):
        store.keep(gallery, " CON ")
    with pytest.raises(UserError, match="no gallery called 'x'"):
        store.open("x")


@pytest.mark.slow
def test_delete_removes_everything_of_one_gallery(place, gallery):
    store = Store(**place)
    store.keep(gallery, "a").vectors(CountingModels(), "m")
    kept = store.keep(gallery, "b")
    doomed = store.open("a")
    store.delete("a")
    assert store.names() == ["b"]
    assert store.tables.names(doomed.key) == []
    assert [path.name for path in place["pictures"].iterdir()] == [kept.key]
    with pytest.raises(UserError):
        store.open("a")
    with pytest.raises(UserError):
        store.delete("a")
    with pytest.raises(UserError):
        doomed.refresh()
    store.keep(Gallery("empty"), "a")
    assert len(Store(**place).open("a")) == 0


def test_one_of_many_gets_a_name(local, gallery):
    won, lost, start = [], [], threading.Barrier(4)

    def keep():
        store = Store(**local)
        start.wait()
        try:
            won.append(store.keep(gallery, "a").key)
        except UserError as error:
            lost.append(str(error))

    threads = [threading.Thread(target=keep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert all("already" in message for message in lost)
    assert Store(**local).open("a").key == won[0]
    assert [path.name for path in local["pictures"].iterdir()] == won


CHILD = """
import sys, time
from pathlib import Path
from core.data import galleries
from core.data.store import Store
from tests.core.data.conftest import BUCKET, facts
from tests.core.data.gallery_fakes import CountingModels

galleries.SAVE_EVERY = 16
kept = Store(sys.argv[1], Path(sys.argv[2])).open("a")
kept.vectors(CountingModels(), "m", lambda done, total: done == 60 and (print("there", flush=True), time.sleep(60)))
"""


@pytest.mark.slow
def test_what_was_saved_survives_kill_9(local, tmp_path):
    gallery = Gallery("visit")
    gallery.add(colour_files(tmp_path / "in", 80))
    Store(**local).keep(gallery, "a")
    command = [sys.executable, "-c", CHILD, local["place"], str(local["pictures"])]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "there\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    models, again = CountingModels(), Store(**local).open("a")
    assert facts(again) == facts(gallery)
    assert len(again.vectors(models, "m")) == 80
    assert models.pictures == 80 - 48  # three saves of 16 were done


@pytest.mark.slow
def test_a_half_kept_gallery_is_never_seen(local, gallery, monkeypatch, tmp_path):
    die = "import os; Store._claim = lambda *_: os._exit(9); Store(sys.argv[1], Path(sys.argv[2])).keep(mine, 'a')"
    mine = f"mine = galleries.Gallery('v'); mine.add([({str(tmp_path / 'in' / 'p0.png')!r}, '')])"
    code = "\n".join([*CHILD.splitlines()[:6], mine, die])
    assert subprocess.run([sys.executable, "-c", code, local["place"], str(local["pictures"])]).returncode == 9
    assert len(list(local["pictures"].iterdir())) == 1  # what the killed one left
    assert Store(**local).names() == []
    assert facts(Store(**local).keep(gallery, "a")) == facts(gallery)


def test_a_keep_that_fails_leaves_nothing(local, gallery, monkeypatch):
    store = Store(**local)

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "_claim", fail)
    with pytest.raises(KeyboardInterrupt):
        store.keep(gallery, "a")
    assert list(local["pictures"].iterdir()) == []
    assert store.tables.names("gallery") == []


def test_why_something_was_not_removed_or_tidied_is_logged(local, gallery, monkeypatch, caplog):
    def fail(*_):
        raise OSError(28, "No space left on device", "/secret/place")

    caplog.set_level(logging.INFO, "core.data")
    store = Store(**local)
    table = store.keep(gallery, "a")._tables
    monkeypatch.setattr(table, "drop", fail)
    monkeypatch.setattr(Store, "_claim", fail)
    with pytest.raises(UserError, match="cannot be reached"):
        store.keep(gallery, "b")
    kept = store.open("a")
    kept.vectors(CountingModels(), "m")
    kept._dirty = {"gallery_x"}
    kept._tidy()
    assert [record.getMessage() for record in caplog.records] == [
        "the place of kept galleries failed: OSError 28",
        "what was written of a gallery could not be removed: OSError 28",
        "a table of a kept gallery was not tidied: ValueError",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["file", "no server", "no bucket", "wrong scheme"])
def test_an_unreachable_place_is_told_plainly(tmp_path, where, s3, gallery, caplog):
    """The log says what kind of error it was; neither holds addresses or keys."""
    (tmp_path / "file").write_text("")
    options = s3[0]
    if where == "no server":
        options = {**options, "aws_endpoint": "http://127.0.0.1:9"}
    place = {"file": str(tmp_path / "file" / "x"), "wrong scheme": "nonsense://x"}.get(where, "s3://no-such-bucket/x")
    began = time.monotonic()
    with pytest.raises(UserError, match="cannot be reached") as caught:
        Store(place, tmp_path / "pictures", options).keep(gallery, "a")
    assert time.monotonic() - began < 15
    assert caught.value.__suppress_context__
    kept_in_log = [record.getMessage() for record in caplog.records if record.name.startswith("core.data")]
    assert any(re.search(r"the place of kept galleries failed: \w+Error", message) for message in kept_in_log)
    text = "\n".join([str(caught.value), *kept_in_log])
    assert not any(secret in text for secret in ("AKIAFAKE", "very-secret", "127.0.0.1", str(tmp_path)))
