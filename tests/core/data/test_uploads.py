# SPDX-License-Identifier: Apache-2.0

import io
import os
import stat
import struct
import threading
import time
import tracemalloc
import zipfile

import pytest
from PIL import Image

from core import images
from core.data.galleries import Gallery
from core.data.uploads import MAX_ENTRIES, UNPACKED_AT_ONCE, captions_from, unpack
from core.errors import Stopped, UserError
from tests.core.data.gallery_fakes import colour_files


def png(colour="red"):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


def make(path, entries, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def refused(archive, tmp_path, match):
    """The archive is refused, and nothing of it is left anywhere."""
    into = tmp_path / "deep" / "into"
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=match) as caught:
        unpack(archive, into)
    assert set(tmp_path.rglob("*")) - before <= {into, into.parent}
    assert str(tmp_path) not in str(caught.value)


def test_only_pictures_and_captions_come_out_flat(tmp_path):
    archive = make(
        tmp_path / "a.zip",
        [
            ("album/Ägypten & 1.PNG", png()),
            ("album/sub/same.jpg", png("blue")),
            ("other/same.jpg", png("green")),
            ("12:30.png", png("black")),
            ("captions.csv", "file,caption\nägypten & 1.png,pyramids\n"),
            ("readme.txt", "no"),
            ("run.sh", "no"),
            ("album/.hidden.png", png()),
            ("__MACOSX/album/._x.png", "no"),
            ("empty.png/", ""),
        ],
    )
    files = unpack(archive, tmp_path / "into")
    assert list(files.values()) == ["Ägypten & 1.PNG", "same.jpg", "same.jpg", "12:30.png", "captions.csv"]
    assert sorted(files) == sorted((tmp_path / "into").iterdir())
    assert all(path.name.isascii() and " " not in path.name for path in files)
    gallery = Gallery("mine")
    report = gallery.add(captions_from(files))
    assert report.skipped == []
    assert [item.caption for item in gallery.items] == ["pyramids", "", "", ""]


@pytest.mark.parametrize(
    "name",
    ["../out.png", "a/../../out.png", "/out.png", "/etc/out.png", "C:/out.png", "..\\out.png", "\\\\host\\out.png"],
)
def test_paths_that_lead_out_are_refused(tmp_path, name):
    refused(make(tmp_path / "a.zip", [("ok.png", png()), (name, png())]), tmp_path, "outside")


def test_links_are_refused(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    refused(make(tmp_path / "a.zip", [("ok.png", png()), (link, "/etc/passwd")]), tmp_path, "link")


def test_encrypted_archives_are_refused(tmp_path):
    data = bytearray(make(tmp_path / "a.zip", [("ok.png", png())]).read_bytes())
    data[6] |= 1  # the flag, in the entry's own header and in the list of entries
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    refused(tmp_path / "a.zip", tmp_path, "password")


def test_a_bomb_is_refused_before_it_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("core.data.uploads._copy", None)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ok.png", png())
        archive.writestr("bomb.png", bytes(30 * 2**20))
    assert (tmp_path / "a.zip").stat().st_size < 40_000
    refused(tmp_path / "a.zip", tmp_path, "unpacks to far more")


def test_more_than_the_limit_in_all_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("core.data.uploads.MAX_UNPACKED", 100_000)
    archive = make(tmp_path / "a.zip", [(f"{i}.png", os.urandom(30_000)) for i in range(4)])
    refused(archive, tmp_path, "unpacks to far more")


def test_bytes_are_counted_not_believed(tmp_path, monkeypatch):
    """The same archive with headers that declare nothing: the count made while extracting refuses it."""
    archive = make(tmp_path / "a.zip", [(f"{i}.png", os.urandom(30_000)) for i in range(4)])
    monkeypatch.setattr("core.data.uploads.MAX_UNPACKED", 100_000)
    monkeypatch.setattr("core.data.uploads._check", lambda entries, budget: None)
    refused(archive, tmp_path, "unpacks to far more")


def test_overlapping_entries_are_refused(tmp_path):
    """One stream listed many times over, as the best bombs do; each entry alone looks harmless."""
    data = make(tmp_path / "a.zip", [("a.png", bytes(100_000))]).read_bytes()
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    trailer = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 500, 500, 500 * (end - start), start, 0)
    (tmp_path / "a.zip").write_bytes(data[:start] + data[start:end] * 500 + trailer)
    refused(tmp_path / "a.zip", tmp_path, "unpacks to far more|damaged")


def directory(path, count, declared):
    """An archive whose list holds `count` entries and whose trailer declares another number."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0) + b"a.png"
    listed = entry * count
    path.write_bytes(listed + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, declared, declared, len(listed), 0, 0))
    return path


@pytest.mark.parametrize("declared", [1, 65_535])
def test_a_million_entries_are_refused_at_once(tmp_path, declared):
    archive = directory(tmp_path / "a.zip", 1_000_000, declared)
    tracemalloc.start()
    began = time.monotonic()
    refused(archive, tmp_path, "more than 20,000 files")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - began < 1
    assert peak < 20 * 2**20


def test_one_entry_too_many_is_refused(tmp_path):
    refused(directory(tmp_path / "a.zip", MAX_ENTRIES + 1, MAX_ENTRIES + 1), tmp_path, "more than 20,000 files")


@pytest.mark.parametrize("damage", ["text", "empty", "cut", "flipped", "missing"])
def test_a_damaged_archive_is_refused_and_the_log_says_why(tmp_path, damage, caplog):
    caplog.set_level("INFO", "core.data.uploads")
    path = make(tmp_path / "a.zip", [("ok.png", png()), ("more.png", os.urandom(5_000))])
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[data.index(b"more.png") + 2_000] ^= 255
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"text": b"hello", "empty": b"", "cut": data[:3_000], "flipped": bytes(flipped)}[damage])
    refused(path, tmp_path, "damaged" if damage != "missing" else "gone")
    (record,) = caplog.records
    assert isinstance(record.exc_info[1], FileNotFoundError if damage == "missing" else zipfile.BadZipFile)


class StopAtLook(threading.Event):
    """Is set from the n-th time on that somebody looks."""

    def __init__(self, n):
        super().__init__()
        self.left = n

    def is_set(self):
        self.left -= 1
        return self.left <= 0


@pytest.mark.parametrize("sizes", [[10 * UNPACKED_AT_ONCE], [UNPACKED_AT_ONCE] * 10, [0] * 10])
def test_unpacking_stops_between_two_parts_and_leaves_nothing(tmp_path, sizes, monkeypatch):
    """Within a file and between two, however small they are."""
    reads, read = [], zipfile.ZipExtFile.read
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda file, n=-1: reads.append(n) or read(file, n))
    archive = make(tmp_path / "a.zip", [(f"{n}.png", os.urandom(size)) for n, size in enumerate(sizes)])
    with pytest.raises(Stopped):
        unpack(archive, tmp_path / "into", stop=StopAtLook(4))
    assert len(reads) <= 4
    assert list((tmp_path / "into").iterdir()) == []
    assert len(unpack(archive, tmp_path / "into", stop=threading.Event())) == len(sizes)


def test_an_oversized_picture_is_refused_only_when_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("core.data.uploads.MAX_BYTES", 10_000)
    monkeypatch.setattr("core.images.MAX_BYTES", 10_000)
    files = unpack(make(tmp_path / "a.zip", [("big.png", os.urandom(50_000))]), tmp_path / "into")
    (path,) = files
    assert path.stat().st_size == 10_001
    with pytest.raises(UserError, match="larger than"):
        images.read(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("captions.csv", "\ufefffile,caption,source\np1.png,\"one, quoted\",x\nfolder/P2.PNG,zwei ü,y\nnone.png,z,\n"),
        ("metadata.csv", "text,file_name\n\"one, quoted\",p1.png\nzwei ü,p2.png\n"),
        ("metadata.jsonl", '{"file_name": "p1.png", "text": "one, quoted"}\n\n{"file_name": "p2.png", "caption": "zwei ü"}'),
    ],
)  # fmt: skip
def test_captions_are_matched_by_file_name(tmp_path, name, content):
    files = [path for path, _ in colour_files(tmp_path, 3)]
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert captions_from([*files, tmp_path / name]) == [(files[0], ""), (files[1], "one, quoted"), (files[2], "zwei ü")]


def test_captions_follow_original_names_and_ambiguous_ones_are_dropped(tmp_path):
    (tmp_path / "9").write_text("file,caption\nx.jpg,one\ny.jpg,two\ny.jpg,three\n")
    files = {tmp_path / "1": "x.jpg", tmp_path / "2": "y.jpg", tmp_path / "9": "captions.csv"}
    assert captions_from(files) == [(tmp_path / "1", "one"), (tmp_path / "2", "")]


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "file,caption\n" + "x" * 200_000 + ",y\n"])
def test_an_unreadable_caption_file_is_refused(tmp_path, content):
    (tmp_path / "captions.csv").write_text(content)
    with pytest.raises(UserError, match=r"captions\.csv"):
        captions_from([tmp_path / "captions.csv"])


@pytest.mark.parametrize("content", ["{", "[1]", "3", "[" * 100_000])
def test_a_broken_jsonl_is_refused_and_the_log_says_why(tmp_path, content, caplog):
    caplog.set_level("INFO", "core.data.uploads")
    (tmp_path / "metadata.jsonl").write_text(content)
    with pytest.raises(UserError, match=r"metadata\.jsonl"):
        captions_from([tmp_path / "metadata.jsonl"])
    assert [record.getMessage() for record in caplog.records] == ["a list of captions could not be read"]
    assert isinstance(caplog.records[0].exc_info[1], (ValueError, TypeError, RecursionError))
