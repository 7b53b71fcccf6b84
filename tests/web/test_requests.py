# SPDX-License-Identifier: Apache-2.0

"""The form of requests to Gradio's API, checked on the running app."""

import itertools
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.raw import DEFAULTS, Raw
from web.json_body import MAX_DEPTH, MAX_VALUES

SESSIONS = ["", "A", "a/b", "a b", "a" * 65, "é", "a\n", "<b>"]


@pytest.fixture(scope="module")
def raw(url):
    with Raw(url) as client:
        yield client


def post(raw, path, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = raw.post(f"gradio_api/{path}", content=content, headers={"content-type": "application/json"})
    return reply.status_code, reply.json().get("detail", reply.json())


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
    told = post(raw, path, {**fields, "session_hash": session})
    assert told == (400, "session_hash must be 1 to 64 of a-z, 0-9 and -.")


@pytest.mark.parametrize("session", SESSIONS, ids=ascii)
def test_malformed_sessions_are_refused_in_addresses(raw, session):
    assert raw.get("gradio_api/queue/data", params={"session_hash": session}).status_code == 400
    if "/" not in session:  # which would make it another path
        assert raw.get(f"gradio_api/heartbeat/{quote(session)}").status_code == 400
        assert raw.get(f"gradio_api/stream/{quote(session)}/1/2/playlist.m3u8").status_code == 400


def test_sessions_as_clients_make_them_pass(raw):
    for session in ("0g2k9z4m1q", "3f2b8c1e-5d6a-4b7c-8e9f-0a1b2c3d4e5f"):  # the page, gradio_client
        passed = post(raw, "cancel", {"session_hash": session, "fn_index": 0, "event_id": "none"})
        assert passed == (200, {"success": True})
    assert post(raw, "reset", {"event_id": "none"}) == (200, {"success": True})


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"", 400, "well-formed JSON"),
        (b"session_hash=", 400, "well-formed JSON"),
        (b'{"data": []', 400, "well-formed JSON"),
        (b"\xff\xfe{}", 400, "well-formed JSON"),
        ('{"data": []}'.encode("utf-16"), 400, "well-formed JSON"),
        (b'{"data": [NaN]}', 400, "finite numbers"),
        (b'{"data": [-Infinity]}', 400, "finite numbers"),
        (b'{"data": [1e400]}', 400, "finite numbers"),
        (b'{"data": [], "fn_index": 1e400}', 400, "finite numbers"),
        (b'{"data": [1%s]}' % (b"0" * 400), 400, "finite numbers"),
        (b'{"data": ["\\ud800"]}', 400, "half characters"),
        (b'{"data": [], "session_hash": "\\ud800"}', 400, "half characters"),
        (b'{"data": ["\xed\xa0\x80"]}', 400, "half characters"),
        (b"[]", 400, "a JSON object"),
        (b'"a"', 400, "a JSON object"),
        (b'{"data": %s}' % (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)), 413, "nested 32 times"),
        (b'{"data": %s}' % (b"[" * 20_000 + b"]" * 20_000), 400, "well-formed JSON"),
        (b'{"data": %s}' % (b"[" * 900_000 + b"]" * 900_000), 413, "at most 50,000"),
        (b'{"data": [%s]}' % b",".join([b"[]"] * MAX_VALUES), 413, "at most 50,000"),
        (b'{"data": [%s]}' % b",".join([b"[]"] * 690_000), 413, "at most 50,000"),
        (b'{"data": [{%s}]}' % b",".join(b'"%d":0' % n for n in range(MAX_VALUES)), 413, "at most 50,000"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_only_finite_well_formed_json_within_bounds_passes(raw, body, status, why):
    for path in ("queue/join", "call/classify", "cancel", "component_server"):
        told, detail = post(raw, path, body)
        assert (told, why in detail) == (status, True), (path, detail)


def test_bodies_of_another_kind_are_refused(raw):
    """Beside uploads there are two routes of Gradio that would write what they are sent to the disk."""
    for path, kind in itertools.product(
        ("component_server", "process_recording", "queue/join"),
        ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""),
    ):
        reply = raw.post(f"gradio_api/{path}", content=b"--x", headers={"content-type": kind})
        assert (reply.status_code, reply.json()["detail"]) == (415, "The body must be application/json."), path


def test_what_the_page_does_not_have_is_not_found(raw):
    for path in ("call/nothing", "call/v2/nothing", "run/nothing", "api/nothing"):
        assert post(raw, path, {"data": []}) == (404, "There is no endpoint called nothing.")
    assert post(raw, "call/nothing", {"data": [], "fn_index": 0})[0] == 404
    for number in (10**6, -1, "0", 0.5, True, [], {}, 10**30, 1e300):
        assert post(raw, "queue/join", {"data": [], "fn_index": number, "session_hash": "a"})[0] == 404
        component = {"component_id": number, "data": None, "fn_name": "ls", "session_hash": "a"}
        assert post(raw, "component_server", component)[0] == 404


def test_the_page_asks_for_what_needs_no_queue_by_number(raw, page):
    unqueued = next(number for number, fn in page.fns.items() if fn.queue is False and fn.fn and not fn.inputs)
    assert post(raw, "run/predict", {"data": [], "fn_index": unqueued, "session_hash": "a"})[0] == 200


def test_what_the_browser_does_by_itself_is_no_server_error(raw, page):
    script = next(number for number, fn in page.fns.items() if fn.fn is None)
    for path in ("run/predict", "queue/join"):
        assert post(raw, path, {"data": [], "fn_index": script, "session_hash": "a"})[0] == 404


def test_no_file_is_written_for_links_to_a_state(raw, page):
    post(raw, "call/classify", {"data": [], "session_hash": "linked"})
    assert raw.get("gradio_api/deep_link", params={"session_hash": "linked"}).status_code == 404
    assert not (Path(page.server_app.uploaded_file_dir) / "deep_links").exists()


@pytest.mark.slow
def test_parameters_by_name_are_those_of_the_endpoint(raw):
    for body in ({"nothing": 1}, {}, {"image": None, "labels": "cat", "nothing": 1}):
        told, detail = post(raw, "call/v2/classify", body)
        assert (told, "parameters by their names" in detail) == (400, True)
    told, detail = post(raw, "call/v2/classify", {"image": raw.kitten(), "labels": "cat, dog"})
    assert told == 200
    assert "event: complete" in raw.get(f"gradio_api/call/v2/classify/{detail['event_id']}").text


ODD = [None, True, -1, 0.5, 10**15, "", "x", [], [[]], {}, {"a": {}}]


@pytest.mark.slow
def test_no_odd_field_ends_in_a_server_error(raw, page):
    """Every POST route of Gradio's API, each field in turn of every kind."""
    classify = next(number for number, fn in page.fns.items() if fn.api_name == "classify")
    good = {
        "data": list(DEFAULTS["classify"].values()),
        "fn_index": classify,
        "session_hash": "odd",
        "event_id": "none",
        "event_data": None,
        "trigger_id": None,
        "simple_format": False,
        "batched": False,
        "component_id": next(iter(page.blocks)),
        "fn_name": "ls",
    }
    paths = page.server_app.openapi()["paths"]
    routes = [path.strip("/") for path, methods in paths.items() if "post" in methods]
    routes = [path for path in routes if path.startswith("gradio_api/") and "call/" not in path]
    routes += ["gradio_api/call/classify", "gradio_api/call/v2/classify"]
    assert {"gradio_api/queue/join", "gradio_api/cancel", "gradio_api/component_server"} <= set(routes)
    broken = []
    for route in routes:
        for field, value in itertools.product(good, ODD):
            body = {name: content for name, content in {**good, field: value}.items() if content is not None}
            reply = raw.post(route.replace("{", "").replace("}", ""), json=body)
            if reply.status_code >= 500 and "Queue is full" not in reply.text:
                broken.append((route, field, value))
    assert broken == []
