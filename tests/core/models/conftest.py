# SPDX-License-Identifier: Apache-2.0

"""Folders of local checkpoints, and a stand-in hub with processes that ask it."""

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.core.models.families.tiny.clip import clip
from tests.core.models.stand_in_hub import Answers

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    clip(folder / "mine")
    clip(folder / "embedded")  # a name that is taken
    (folder / "junk").mkdir()
    (folder / "junk" / "config.json").write_text("[]")
    (folder / "other").mkdir()
    (folder / "other" / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    return folder


@pytest.fixture
def mine(folder, tmp_path):
    shutil.copytree(folder / "mine", tmp_path / "models" / "mine")
    return tmp_path / "models" / "mine"


@pytest.fixture
def address():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def python(tmp_path):
    """Runs lines of Python as a visitor's process would, with a cache of its own."""

    def run(address, *code, offline=False):
        settings = {
            "HF_ENDPOINT": address,
            "HF_HUB_CACHE": str(tmp_path / "cache"),
            "HF_HUB_OFFLINE": "1" if offline else "0",
            "HF_TOKEN": "hf_secret",
            "NO_PROXY": "127.0.0.1",
        }
        lines = "from core.models import hub\nfrom core.errors import UserError\n" + "\n".join(code)
        return subprocess.run(
            [sys.executable, "-c", lines], cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True
        )

    return run
