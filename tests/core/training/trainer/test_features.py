# SPDX-License-Identifier: Apache-2.0

"""Features are computed once, a few examples at a time, with progress and a way to stop; and are read from their files."""

import contextlib
import ctypes
import json
import os
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import Stopped
from core.training.data.example import Example
from core.training.progress import ProgressFile
from core.training.run_folder import RUNNING, RunFolder
from core.training.trainer.features import AT_ONCE, Column, features, rows_at, rows_from


class Brightness:
    """An objective as far as it encodes."""

    def __init__(self):
        self.stages, self.sizes = [], []

    def encode(self, examples):
        self.sizes.append(len(examples))
        self.stages.append(json.loads((self.folder.path / "progress.json").read_text()))
        grey = torch.tensor([float(example.picture().getpixel((0, 0))[0]) for example in examples])
        words = torch.ones(len(examples), len(self.sizes), dtype=torch.int64)  # wider with each part
        return {"grey": grey, "words": words, "half": grey[:, None].to(torch.bfloat16)}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir()
    return RunFolder(tmp_path / "run")


@pytest.fixture
def progress(folder):
    return ProgressFile(folder.path / "progress.json")


@pytest.fixture
def examples(tmp_path):
    for number in range(40):
        Image.new("RGB", (8, 8), (5 * number,) * 3).save(tmp_path / f"{number}.png")
    return [Example(str(tmp_path / f"{number}.png")) for number in range(40)]


def brightness(folder):
    objective = Brightness()
    objective.folder = folder
    return objective


def test_they_are_computed_once_in_parts_and_read_from_files(folder, examples, progress):
    objective = brightness(folder)
    found = features(folder, objective, examples, progress)
    assert objective.sizes == [16, 16, 8]
    assert found["grey"].tolist() == [5.0 * number for number in range(40)]
    assert found["half"].dtype == torch.float32
    assert found["words"].sum(1).tolist() == [1] * 16 + [2] * 16 + [3] * 8  # filled up with zeros
    again = features(folder, None, examples, progress)  # nobody is asked to encode
    assert {name: value.tolist() for name, value in again.items()} == {n: v.tolist() for n, v in found.items()}
    assert rows_at(found, [3, 1])["grey"].tolist() == [15.0, 5.0]
    assert rows_from(found, 38)["grey"].tolist() == [190.0, 195.0]
    assert not list(folder.path.glob("*.part*"))


def test_progress_is_told_and_the_status_is_left_alone(folder, examples, progress, monkeypatch):
    """That trained models come and go is read off the time of status.json."""
    monkeypatch.setattr("core.training.progress.INTERVAL", 0.0)
    folder.write_status(RUNNING)
    before = (folder.path / "status.json").stat().st_mtime_ns
    objective = brightness(folder)
    features(folder, objective, examples, progress)
    assert [(stage["stage"], stage["done"], stage["total"]) for stage in objective.stages] == [
        ("computing features", done, 40) for done in (0, 16, 32)
    ]
    assert str(folder.progress()) == "computing features: 40 of 40"
    assert (folder.path / "status.json").stat().st_mtime_ns == before


def test_cancelling_stops_it_and_leaves_nothing_half(folder, examples, progress):
    folder.cancel()
    with pytest.raises(Stopped):
        features(folder, brightness(folder), examples, progress)
    assert not list(folder.path.glob("features*"))


def test_a_full_disk_leaves_nothing_half(folder, examples, progress, monkeypatch):
    monkeypatch.setattr(Column, "_append", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        features(folder, brightness(folder), examples, progress)
    assert not list(folder.path.glob("features*"))


def test_of_processes_that_train_together_one_computes(folder, examples, progress):
    """The others wait for it, and stop waiting when the run is cancelled."""
    other, found = RunFolder(folder.path, writes=False), {}
    waiting = threading.Thread(target=lambda: found.update(features(other, None, examples, progress)))
    waiting.start()
    features(folder, brightness(folder), examples, progress)
    waiting.join(20)
    assert found["grey"].shape == (40,)
    for file in (folder.path / "features").iterdir():
        file.unlink()
    (folder.path / "features").rmdir()
    folder.cancel()
    with pytest.raises(Stopped):
        features(other, None, examples, progress)


class Wide:
    """1 MB an example, as a segmenter's features."""

    def encode(self, examples):
        return {"wide": torch.full((len(examples), 2**18), 1.0)}


def anonymous_bytes():
    """Of this process, what no file backs and what is not free: glibc keeps what was freed, the more of it the larger the blocks
    that tests before this one freed."""
    with contextlib.suppress(AttributeError, OSError):  # of another C library
        ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status") as file:
        return 2**10 * next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is told apart so on Linux only")
def test_neither_computing_nor_reading_them_takes_the_memory_of_all(folder, progress):
    """128 MB of features, of which a part of 16 and its copies are ever in memory."""
    examples = [Example("")] * 128
    objective, peaks = Wide(), []
    encode = objective.encode
    objective.encode = lambda part: (peaks.append(anonymous_bytes()), encode(part))[1]
    before = anonymous_bytes()
    rows = features(folder, objective, examples, progress)
    train, held_out = rows_from(rows, 0, 100), rows_from(rows, 100)
    assert sum(float(value[0]) for value in train["wide"]) == 100
    assert sum(float(value[0]) for value in held_out["wide"]) == 28
    peaks.append(anonymous_bytes())
    assert max(peaks) - before < 4 * AT_ONCE * 2**20, [peak - before for peak in peaks]
    assert train["wide"].untyped_storage().data_ptr() == held_out["wide"].untyped_storage().data_ptr()
    assert (folder.path / "features" / "wide.npy").stat().st_size == pytest.approx(128 * 2**20, rel=0.01)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64, np.uint8, np.bool_])
def test_a_column_is_a_plain_npy_file(tmp_path, dtype):
    column, parts = Column(tmp_path / "x.npy", 5), [np.ones((2, 3, 1), dtype), np.ones((3, 2, 4), dtype)]
    for part in parts:
        column.append(part)
    found = np.load(tmp_path / "x.npy")
    assert found.dtype == dtype
    assert found.shape == (5, 3, 4)
    assert found.sum() == 2 * 3 * 1 + 3 * 2 * 4
    assert found[:2, :3, :1].all()
    assert found[2:, :2].all()
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]
