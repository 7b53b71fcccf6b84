# SPDX-License-Identifier: Apache-2.0

import os
import subprocess
import sys
from dataclasses import replace

import httpx
import pytest
import uvicorn

import app
from core.settings import Settings
from tests.app_fixture import free_port
from tests.test_architecture import ROOT
from web.clients import client_of
from web.middleware import middleware


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::8", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("/run/lab.socket", "/run/lab.socket"),
    ],
)
def test_a_visitor_is_known_by_the_part_of_an_address_that_he_cannot_change(address, client):
    assert client_of({"client": (address, 1)}) == client


def test_without_an_address_all_are_one():
    assert client_of({"client": None}) == client_of({}) == ""


OWN = ["127.0.0.1", "127.0.0.1:7860", "localhost:1", "LOCALHOST", "[::1]:7860"]
OTHERS = [
    "evil.example",
    "evil.example:7860",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "",
    "[::1",
    "0.0.0.0",
]


@pytest.mark.slow
@pytest.mark.parametrize(("host", "status"), [(host, 200) for host in OWN] + [(host, 403) for host in OTHERS])
def test_a_name_that_was_made_to_lead_here_is_not_answered(page, url, host, status):
    for path in ("config", "", "admin/", "gradio_api/info"):
        reply = httpx.get(url + path, headers={"host": host})
        assert (reply.status_code == 403) == (status == 403), path
    if status == 403:
        assert "start it with --allow-host" in reply.text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.evil.example:7860"])
def test_other_sites_cannot_send_anything_here(page, url, origin):
    files = {"files": ("a.txt", b"theirs")}
    assert httpx.post(f"{url}gradio_api/upload", files=files, headers={"origin": origin}).status_code == 403
    assert httpx.post(f"{url}gradio_api/upload", files=files, headers={"origin": url.rstrip("/")}).status_code == 200


def test_which_names_are_answered_is_a_setting():
    assert Settings(allow_host=("lab.example",)).host_names == (
        "127.0.0.1",
        "localhost",
        "::1",
        "127.0.0.1",
        "lab.example",
    )
    assert set(Settings(host="0.0.0.0", allow_host=("lab.example",)).host_names) >= {"lab.example", "localhost"}
    assert Settings(host="0.0.0.0").host_names == ()
    names = [one.cls.__name__ for one in middleware(Settings(host="0.0.0.0"))]
    assert names == ["BodyLimit", "UploadGuard", "RequestCheck", "LinkPreview"]
    assert [one.cls.__name__ for one in middleware(Settings())] == ["HostCheck", *names]


@pytest.mark.parametrize("trusted", ["", "127.0.0.1", "10.0.0.0/8,192.168.0.0/16"])
def test_only_proxies_that_are_named_say_who_the_visitor_is(app_lab, monkeypatch, trusted):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "of the test")
    settings = replace(app_lab.settings, trust_proxy=trusted)
    app.launch_options(replace(app_lab, settings=settings, admin_sessions=None))
    assert uvicorn.Config(app=None).forwarded_allow_ips == trusted


@pytest.mark.slow
def test_a_lab_that_is_open_under_one_name_starts(tmp_path):
    """Gradio asks the app by localhost whether it is there, and gives up where it is refused."""
    command = [sys.executable, "app.py", "--host", "0.0.0.0", "--port", str(free_port()), "--allow-host", "lab.example"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().removeprefix("VLM Lab is at ").partition(" ")[0]
            assert httpx.get(address, headers={"host": "lab.example"}).status_code == 200
            assert httpx.get(address, headers={"host": "evil.example"}).status_code == 403
        finally:
            process.terminate()
            process.communicate()
