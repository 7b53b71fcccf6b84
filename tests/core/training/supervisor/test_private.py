# SPDX-License-Identifier: Apache-2.0

import json

import pytest

from core.training.request import Request
from tests.core.training.supervisor.idle import SECRET
from tests.core.training.toy import wait

pytestmark = pytest.mark.slow


def test_secrets_reach_neither_process_nor_log(runs, examples, place, monkeypatch):
    for name in ("HF_TOKEN", "VLM_LAB_ADMIN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, SECRET)
    id = runs.start(Request("toy", "numbers"), examples)
    wait(lambda: "PYTHONUNBUFFERED" in runs.log(id))
    for path in place.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    with runs.folder(id).log.open("a") as log:  # as if a library had printed one after all
        log.write(f"401 with {SECRET}")
    assert "401 with ***" in runs.log(id)
    assert SECRET not in json.dumps(runs.show(id))
