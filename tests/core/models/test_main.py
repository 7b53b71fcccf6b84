# SPDX-License-Identifier: Apache-2.0

"""`python -m core.models pin`, against a stand-in hub on this machine."""

import json

from core.models.family import EMBEDDED
from tests.core.models.stand_in_hub import CONVERTED, MODERN, NOWHERE, PICKLED, REQUEST, commit

PIN = """
import sys
from pathlib import Path
from core.models import catalog
import core.models.__main__ as command
from core.models.families.clip import CLIP
from core.models.family import FAMILIES, Family, Spec, register
catalog.REVISIONS = command.REVISIONS = Path({pins!r})
catalog.discover_families()
catalog.discover_families = lambda: None
FAMILIES._items = {{name: family for name, family in FAMILIES._items.items() if name == "embedded"}}
register(Family("toy", CLIP, tuple(Spec(id, "", 1, "") for id in {ids!r})))
sys.argv = ["core.models", "pin"]
sys.exit(command.main())
"""


def test_pin_writes_commits(python, address, tmp_path):
    pins = tmp_path / "revisions.json"
    pinned = python(address, PIN.format(pins=str(pins), ids=[PICKLED, MODERN, CONVERTED, "org/gone"]))
    assert pinned.returncode == 0, pinned.stderr
    commits = json.loads(pins.read_text())
    assert commits == {CONVERTED: commit(CONVERTED, REQUEST), MODERN: commit(MODERN)}
    assert list(commits) == sorted(commits)
    assert EMBEDDED not in commits
    assert "left out: org/pickled" in pinned.stdout
    assert "left out: org/gone" in pinned.stdout


def test_pin_without_a_network_leaves_the_file_alone(python, tmp_path):
    pins = tmp_path / "revisions.json"
    pins.write_text("{}")
    pinned = python(NOWHERE, PIN.format(pins=str(pins), ids=[MODERN]))
    assert pinned.returncode == 1
    assert "Nothing was pinned. The hub could not be asked about org/modern" in pinned.stderr
    assert "Traceback" not in pinned.stderr
    assert "hf_secret" not in pinned.stderr
    assert pins.read_text() == "{}"
