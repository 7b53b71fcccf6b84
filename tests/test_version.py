# SPDX-License-Identifier: Apache-2.0

"""One version, read everywhere from core/version.py."""

import re
from pathlib import Path

import pytest

import app
from core.settings import Settings
from core.version import VERSION

ROOT = Path(__file__).parents[1]


def test_the_page_shows_the_version():
    page = app.build(app.open_lab(Settings(device="cpu")))
    texts = [str(part["props"].get("value")) for part in page.config["components"] if part["type"] == "markdown"]
    assert [text for text in texts if text.startswith(f"VLM Lab {VERSION}. ")]


def test_the_package_takes_its_version_from_core():
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "core.version.VERSION"}


def test_the_changelog_leads_up_to_the_version():
    """What is in hand stands under Unreleased, above the releases, the newest first."""
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    releases = [tuple(int(part) for part in one.split(".")) for one in (VERSION, *headings[1:])]
    assert releases == sorted(releases, reverse=True)
