"""The form of requests to Gradio's API, checked on the running app."""

import json
from urllib.parse import quote

import pytest

from tests.raw import Raw

SESSIONS = ["", "A", "a/b", "a b", "a" * 65, "\ud800", "é", "a\n", "<b>"]


@pytest.fixture(scope="module")
def raw(url):
    with Raw(url) as client:
        yield client


def post(raw, path, **fields):
    return raw.post(f"gradio_api/{path}", json=fields)


@pytest.mark.parametrize("session", [*SESSIONS, 5, True, ["a"], {"a": 1}], ids=ascii)
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("queue/join", {"data": [], "fn_index": 0}),
        ("queue/join/", {"data": [], "fn_index": 0}),
        ("call/classify", {"data": []}),
        ("call/v2/classify", {}),
        ("run/classify", {"data": []}),
        ("stream/1234", {"data": []}),
        ("cancel", {"fn_index": 0, "event_id": "x"}),
        ("component_server", {"data": [], "component_id": 1, "fn_name": "ls"}),
    ],
)
def test_malformed_sessions_are_refused_in_bodies(raw, path, fields, session):
    body = json.dumps({**fields, "session_hash": session}).encode()
    reply = raw.post(f"gradio_api/{path}", content=body, headers={"content-type": "application/json"})
    assert (reply.status_code, reply.json()["detail"]) == (400, "session_hash must be 1 to 64 of a-z, 0-9 and -.")


@pytest.mark.parametrize("session", [one for one in SESSIONS if one != "\ud800"], ids=ascii)
def test_malformed_sessions_are_refused_in_addresses(raw, session):
    for path in ("queue/data", "deep_link"):
        assert raw.get(f"gradio_api/{path}", params={"session_hash": session}).status_code == 400, path
    if "/" not in session:  # which would make it another path
        assert raw.get(f"gradio_api/heartbeat/{quote(session)}").status_code == 400
        assert raw.get(f"gradio_api/stream/{quote(session)}/1/2/playlist.m3u8").status_code == 400


@pytest.mark.parametrize("body", [b"", b"[]", b'"a"', b"session_hash=", b'{"data": []', b"\xff\xfe{}"])
def test_bodies_that_are_no_json_object_are_refused(raw, body):
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
        reply = raw.post("gradio_api/queue/join", content=body, headers={"content-type": kind})
        assert (reply.status_code, reply.json()["detail"]) == (400, "The body must be a JSON object.")
        component = raw.post("gradio_api/component_server", content=body, headers={"content-type": kind})
        assert component.status_code == 400


def test_sessions_as_clients_make_them_pass(raw):
    for session in ("0g2k9z4m1q", "3f2b8c1e-5d6a-4b7c-8e9f-0a1b2c3d4e5f"):  # the page, gradio_client
        reply = post(raw, "cancel", session_hash=session, fn_index=0, event_id="none")
        assert reply.json() == {"success": True}
    assert post(raw, "reset", event_id="none").json() == {"success": True}
