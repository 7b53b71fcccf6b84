# SPDX-License-Identifier: Apache-2.0

"""Against a stand-in hub on this machine, each in a process of its own: the hub's client reads its address once, when it is
imported."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import UserError
from core.models import hub
from core.models.catalog import revision
from tests.conftest import snapshot
from tests.core.models.stand_in_hub import CONVERTED, MODERN, NOWHERE, PICKLED, REQUEST, WEIGHTS, commit

REFUSED = """
try:
    hub.fetch({id!r}, {revision!r})
except UserError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
def test_fetch_reports_bytes_and_works_offline_after(python, address):
    fetched = python(
        address,
        f"assert hub.local_path({MODERN!r}, 'main') is None",
        "steps = []",
        f"path = hub.fetch({MODERN!r}, 'main', lambda *step: steps.append(step))",
        "assert [done for done, total in steps] == sorted(done for done, total in steps), steps",
        "assert all(0 < done <= total for done, total in steps), steps",
        f"assert steps[-1] == ({len(WEIGHTS) + 2}, {len(WEIGHTS) + 2}), steps",
        "assert sorted(file.name for file in path.iterdir()) == ['config.json', 'model.safetensors']",
        f"assert hub.local_path({MODERN!r}, {commit(MODERN)!r}) == path",
    )
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout + fetched.stderr == "", "no progress bar is printed"
    again = python(NOWHERE, f"assert hub.local_path({MODERN!r}, 'main') == hub.fetch({MODERN!r}, 'main')", offline=True)
    assert again.returncode == 0, again.stderr


def test_bytes_are_counted_once():
    """The hub's client has a bar for bytes that arrive and one for bytes that are written, and one for files."""
    steps = []
    bar = hub._reporter(lambda *step: steps.append(step))
    for kind in (
        {"unit": "B", "desc": "Downloading bytes"},
        {"unit": "B", "desc": "Reconstructing"},
        {"desc": "Files"},
    ):
        bar(total=10, **kind).update(4)
    assert steps == [(4, 10)]


@pytest.mark.slow
def test_fetch_falls_back_on_the_bots_pull_request(python, address):
    fetched = python(
        address,
        f"path = hub.fetch({CONVERTED!r}, 'main')",
        f"assert path.name == {commit(CONVERTED, REQUEST)!r}",
        "assert (path / 'model.safetensors').exists()",
    )
    assert fetched.returncode == 0, fetched.stderr
    offline = python(
        NOWHERE, f"assert hub.local_path({CONVERTED!r}, 'main').name == {commit(CONVERTED, REQUEST)!r}", offline=True
    )
    assert offline.returncode == 0, offline.stderr


@pytest.mark.slow
@pytest.mark.parametrize("revision", ["main", commit(PICKLED)])
def test_only_pickled_weights_are_refused(python, address, revision):
    refused = python(address, REFUSED.format(id=PICKLED, revision=revision))
    assert refused.stdout.startswith("NoWeights org/pickled publishes no safetensors"), refused.stderr


@pytest.mark.parametrize("offline", [True, False])
def test_no_network_is_told_with_what_to_do(python, offline):
    refused = python(NOWHERE, REFUSED.format(id=MODERN, revision="main"), offline=offline)
    assert refused.stdout.startswith("UserError org/modern is not on this machine"), refused.stderr
    assert "`hf download org/modern`" in refused.stdout
    assert "hf_secret" not in refused.stdout + refused.stderr


def test_an_interrupted_download_does_not_count(python, address):
    half = python(
        address,
        f"path = hub.fetch({MODERN!r}, 'main')",
        "(path / 'config.json').unlink()",
        f"assert hub.local_path({MODERN!r}, 'main') is None",
    )
    assert half.returncode == 0, half.stderr


def test_a_pinned_model_is_asked_for_at_its_commit(monkeypatch, tmp_path):
    with pytest.raises(UserError, match="`hf download org/modern --revision abc123`"):
        hub.fetch(MODERN, "abc123")
    pins = tmp_path / "revisions.json"
    pins.write_text(json.dumps({MODERN: "abc123"}))
    monkeypatch.setattr("core.models.catalog.REVISIONS", pins)
    assert (revision(MODERN), revision("org/other")) == ("abc123", "main")


class Refused(Exception):
    """As the hub's client raises: with the answer, and a message that nobody else should read."""

    def __init__(self):
        super().__init__("https://hub/file?signature=hf_secret")
        self.response = SimpleNamespace(status_code=403)


@pytest.mark.parametrize(
    ("error", "logged"),
    [(Refused(), "Refused (403)"), (OSError(28, "hf_secret"), "OSError (No space left on device)")],
)
def test_why_the_hub_gave_nothing_is_logged_without_secrets(monkeypatch, caplog, error, logged):
    caplog.set_level("DEBUG", "core.models.hub")

    def refuse(*args, **kwargs):
        try:
            raise error
        except Exception as cause:
            raise RuntimeError("hf_secret") from cause

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    monkeypatch.setattr("huggingface_hub.HfApi", refuse)
    assert hub.local_path(MODERN, "main") is None
    for attempt in (lambda: hub.fetch(MODERN, "main"), lambda: hub.safetensors_revision(MODERN)):
        with pytest.raises(UserError):
            attempt()
    with pytest.raises(UserError, match="did not take"):
        hub.push(Path("model"), "me/mine", "hf_secret")
    told = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "core.models.hub"]
    why = f"RuntimeError < {logged}"
    assert told == [
        ("DEBUG", f"{MODERN} at main is not in the cache: {why}"),
        ("WARNING", f"{MODERN} at main could not be fetched: {why}"),
        ("WARNING", f"the hub could not be asked about {MODERN}: {why}"),
        ("WARNING", f"me/mine could not be pushed: {why}"),
    ]
    assert "hf_secret" not in caplog.text


def test_a_cached_pull_request_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    (snapshot(CONVERTED, "main", "a" * 40, tmp_path) / "pytorch_model.bin").touch()
    assert hub.local_path(CONVERTED, "main") is None
    converted = snapshot(CONVERTED, "refs/pr/66", "b" * 40, tmp_path)
    (converted / "model.safetensors").touch()
    assert hub.local_path(CONVERTED, "main") == converted
    assert hub.local_path(CONVERTED, "a" * 40) is None, "a pinned commit is that commit"
