# SPDX-License-Identifier: Apache-2.0

"""core/hub.py and `python -m core.models pin` against a stand-in hub on this machine, each in a process of
its own: the hub's client reads its address once, when it is imported."""

import json
import os
import subprocess
import sys
import threading
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest

from core.errors import UserError
from core.models import hub
from core.models.catalog import revision
from core.models.family import EMBEDDED
from tests.conftest import snapshot

ROOT = Path(__file__).parents[3]
WEIGHTS = bytes(300_000)
MODERN, CONVERTED, PICKLED = "org/modern", "org/converted", "org/pickled"
REQUEST = "refs/pr/7"
REPOS = {
    MODERN: {"main": {"config.json": b"{}", "model.safetensors": WEIGHTS, "pytorch_model.bin": WEIGHTS}},
    CONVERTED: {
        "main": {"config.json": b"{}", "pytorch_model.bin": WEIGHTS},
        REQUEST: {"config.json": b"{}", "model.safetensors": WEIGHTS},
    },
    PICKLED: {"main": {"config.json": b"{}", "pytorch_model.bin": WEIGHTS}},
}
# (number, author, title) of the pull requests; only the hub's own bot is believed.
PULLS = {
    CONVERTED: [
        (5, "somebody", "Adding `safetensors` variant of this model"),
        (6, "SFconvertbot", "Update README.md"),
        (7, "SFconvertbot", "Adding `safetensors` variant of this model"),
    ],
    PICKLED: [(1, "somebody", "Adding `safetensors` variant of this model")],
}


def commit(model_id, ref="main"):
    return sha1(f"{model_id}@{ref}".encode()).hexdigest()


class Answers(BaseHTTPRequestHandler):
    """The few addresses that huggingface_hub asks for."""

    protocol_version = "HTTP/1.1"
    repos = REPOS

    def log_message(self, *_):
        pass

    def do_GET(self):
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        api = parts[:2] == ["api", "models"]
        model_id, what = "/".join(parts[2:4] if api else parts[:2]), parts[4 if api else 2 :]
        refs = self.repos.get(model_id)
        if refs is None:
            return self.reply(b"{}", 404, {"X-Error-Code": "RepoNotFound"})
        if what[:1] == ["discussions"]:
            return self.reply(json.dumps(self.discussions(model_id)).encode())
        ref = self.known(model_id, what[1:])
        files = refs[ref]
        if not what or what[0] == "revision":
            siblings = [{"rfilename": name} for name in files]
            return self.reply(json.dumps({"id": model_id, "sha": commit(model_id, ref), "siblings": siblings}).encode())
        if what[0] == "tree":
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": sha1(data).hexdigest()}
                for name, data in files.items()
            ]
            return self.reply(json.dumps(tree).encode())
        data = files[parts[-1]]
        return self.reply(data, 200, {"X-Repo-Commit": commit(model_id, ref), "ETag": f'"{sha1(data).hexdigest()}"'})

    do_HEAD = do_GET

    def known(self, model_id, rest):
        wanted = "/".join(rest)
        refs = self.repos[model_id]
        return next((ref for ref in refs if ref in wanted or commit(model_id, ref) in wanted), "main")

    def discussions(self, model_id):
        shared = {"repo": {"name": model_id, "type": "model"}, "createdAt": "2024-01-01T00:00:00.000Z"}
        pulls = [
            {"num": n, "title": title, "author": {"name": author}, "status": "open", "isPullRequest": True, **shared}
            for n, author, title in PULLS.get(model_id, [])
        ]
        return {"discussions": pulls, "start": 0, "count": len(pulls)}

    def reply(self, body, status=200, headers=None):
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def address():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


NOWHERE = "http://127.0.0.1:9"


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


REFUSED = """
try:
    hub.fetch({id!r}, {revision!r})
except UserError as error:
    print(type(error).__name__, error)
"""


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
