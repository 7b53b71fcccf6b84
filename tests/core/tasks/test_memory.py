# SPDX-License-Identifier: Apache-2.0

"""What large pictures cost: 50 megapixels each, which anybody can send in a file of some kilobytes."""

import subprocess
import sys

import pytest
from PIL import Image

from tests.test_architecture import ROOT

SIDE = 7071  # 50 megapixels
LIMIT_MB = 700
CHILD = """
import sys, threading
import psutil
import torch
from core import images
from core.engine import Engine
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.settings import Settings
from core.tasks import {task}

torch.set_num_threads(1)
models, files = Models(Engine(Settings(device="cpu"))), sys.argv[1:]
small = images.read(files[0], 320).image

{warm}
before, most, ended = psutil.Process().memory_info().rss, [0], threading.Event()


def watch():
    while not ended.wait(0.005):
        most.append(psutil.Process().memory_info().rss)


watcher = threading.Thread(target=watch)
watcher.start()
{run}
ended.set()
watcher.join()
print((max(most) - before) / 2**20)
"""


def risen(files, **parts):
    """MB by which a process's memory rises at most while it runs."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(**parts), *map(str, files)],
        cwd=ROOT, capture_output=True, text=True, check=True, env={"PATH": "", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return float(done.stdout)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """One of each format, in colours that are not all alike to a model."""
    folder = tmp_path_factory.mktemp("large")
    Image.new("RGB", (SIDE, SIDE), "red").save(folder / "a.png", compress_level=1)
    Image.new("RGB", (SIDE, SIDE), "blue").save(folder / "b.jpg")
    Image.new("L", (SIDE, SIDE)).save(folder / "c.jpg")  # the quickest to decode
    return folder / "a.png", folder / "b.jpg", folder / "c.jpg"


@pytest.mark.slow
def test_sixty_four_large_pictures_are_classified_one_batch_at_a_time(large):
    png, jpeg, grey = large
    rise = risen(
        [png, jpeg, png, jpeg, *[grey] * 59, png],
        task="zero_shot",
        warm='zero_shot.classify(models, EMBEDDED, [small], ["a cat", "a dog"])',
        run='zero_shot.classify(models, EMBEDDED, files, ["a cat", "a dog"])',
    )
    print(f"+{rise:.0f} MB")
    assert rise < LIMIT_MB


@pytest.mark.slow
def test_sixteen_masks_of_a_large_picture_are_made_one_at_a_time(large):
    rise = risen(
        large[:1],
        task="segmentation",
        warm='segmentation.segment(models, EMBEDDED, small, ["a cat"])',
        run=f"""
from core.explain.masks import overlay

image = images.read(files[0]).image
result = segmentation.segment(models, EMBEDDED, image, list("abcdefghijklmnop"))
found = segmentation.masks(result, 0.01)
assert [mask.size for mask in found] == [({SIDE}, {SIDE})] * 16
segmentation.masks(result, 0.01, exclusive=True)
segmentation.coco(found, "a.png"), overlay(image, found[:2]), [mask.png() for mask in found[:2]]
""",
    )
    print(f"+{rise:.0f} MB")
    assert rise < LIMIT_MB
