# SPDX-License-Identifier: Apache-2.0

"""What many tests need: tiny checkpoints in the hub's cache, models over them, pictures and texts."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.engine import Engine
from core.models.inference import Models
from core.settings import Settings
from tests import HUB_CACHE
from tests.app_fixture import app_lab, client, few, page, settings, url  # noqa: F401  fixtures
from tests.core.models.families import tiny

torch.set_num_threads(1)


def pytest_terminal_summary(terminalreporter):
    """Browser tests that did not run are easily overlooked among a thousand others."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if report.nodeid.startswith("tests/ui/")]
    if skipped:
        why = sorted({report.longrepr[2].removeprefix("Skipped: ") for report in skipped})
        terminalreporter.section("browser tests did not run", yellow=True)
        terminalreporter.line(f"{len(skipped)} skipped: {'; '.join(why)}")


def snapshot(model_id: str, ref: str = "main", commit: str = "0" * 40, cache: Path = HUB_CACHE) -> Path:
    """A new folder where the hub's client would put this commit of this model."""
    folder = cache / f"models--{model_id.replace('/', '--')}"
    pointer = folder / "refs" / ref
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.write_text(commit)
    (folder / "snapshots" / commit).mkdir(parents=True)
    return folder / "snapshots" / commit


@pytest.fixture(scope="session")
def hub_cache():
    """The hub's cache, holding a tiny checkpoint under each published id."""
    made: dict = {}
    for model_id, file in tiny.FILES.items():
        make, folder = file.CHECKPOINTS[model_id], snapshot(model_id)
        if make in made:
            shutil.copytree(made[make], folder, dirs_exist_ok=True)
        else:
            torch.manual_seed(0)  # no family changes the numbers of another
            make(folder)
            made[make] = folder
    return HUB_CACHE


@pytest.fixture
def engine():
    return Engine(Settings(device="cpu"))


@pytest.fixture
def models(hub_cache, engine, monkeypatch, tmp_path):
    """The lab's models over that cache; the commits pinned for the real hub are laid aside."""
    monkeypatch.setattr("core.models.catalog.REVISIONS", tmp_path / "revisions.json")
    return Models(engine)


@pytest.fixture(scope="session")
def images():
    """Five small pictures of different sizes."""
    noise = np.random.default_rng(0)
    return [Image.fromarray(noise.integers(0, 255, (40 + 4 * n, 56 - 3 * n, 3), dtype=np.uint8)) for n in range(5)]


@pytest.fixture(scope="session")
def texts():
    """Of different lengths, so that a batch of them is padded."""
    return ["a cat", "A photo of a dog.", "two cats sleeping on a couch beside a red car"]
