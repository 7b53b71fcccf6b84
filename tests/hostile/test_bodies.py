# SPDX-License-Identifier: Apache-2.0

"""What must not work: bodies that are too large or no JSON, doors that are shut, and other sites."""

import pytest

from tests.hostile.refusal import refusal
from tests.raw import file

pytestmark = pytest.mark.slow


def test_large_bodies_are_refused_unread(raw):
    reply = raw.post("gradio_api/call/classify", json={"data": ["x" * 5_000_000]})
    assert (reply.status_code, "at most 2 MB" in reply.text) == (413, True)
    json_type = {"content-type": "application/json"}
    for path in ("call/classify", "call/upload", "queue/join"):  # a function may be called upload
        chunks = (b"x" * 2**16 for _ in range(40))  # no length declared
        assert raw.post(f"gradio_api/{path}", content=chunks, headers=json_type).status_code == 413, path
    picture = "data:image/png;base64," + "A" * 3_000_000
    assert raw.ask("classify", image=file(url=picture))[1].startswith("413")


def test_an_upload_over_the_limit_is_refused_by_its_declared_length(url):
    import http.client

    server = http.client.HTTPConnection(url.split("/")[2], timeout=10)
    server.putrequest("POST", "/gradio_api/upload")
    server.putheader("Content-Type", "multipart/form-data; boundary=x")
    server.putheader("Content-Length", str(601 * 2**20))
    server.endheaders()
    reply = server.getresponse()
    assert (reply.status, reply.read()) == (413, b"Too large: at most 600 MB can be sent at once.")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"], ids=ascii)
def test_what_is_no_json_is_refused(raw, value):
    for endpoint, field in (("search", "k"), ("segment", "prompts"), ("answer", "question"), ("classify", "labels")):
        assert "well-formed JSON" in refusal(raw, endpoint, **{field: value})


def test_doors_that_are_shut(raw):
    for path in ("run/classify", "api/classify"):  # they would pass by the queue
        assert raw.post(f"gradio_api/{path}", json={"data": []}).status_code == 404
    assert raw.get("monitoring/summary").status_code == raw.get("monitoring").status_code == 403
    assert raw.get("gradio_api/vibe-code").status_code == 403
    assert raw.get("gradio_api/runs").status_code == 404


def test_broken_json_is_no_crash(raw):
    json_type = {"content-type": "application/json"}
    for body, status in ((b'{"data":', 400), (b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 413)):
        assert raw.post("gradio_api/call/classify", content=body, headers=json_type).status_code == status
    assert raw.ask("classify", image=raw.kitten())[0]


def test_another_site_may_not_read_a_local_app(raw):
    reply = raw.get("config", headers={"Origin": "http://evil.example"})
    assert reply.headers.get("access-control-allow-origin") not in ("*", "http://evil.example")
