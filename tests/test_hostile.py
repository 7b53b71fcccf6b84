# SPDX-License-Identifier: Apache-2.0

"""What must not work: raw requests against the running app. A refusal is plain and tells nothing of this machine."""

import io
import json
import re
import shutil
import socket
import threading

import gradio as gr
import pytest
from PIL import Image

from tests.raw import DEFAULTS, KITTEN, Raw, file
from tests.test_architecture import ROOT

pytestmark = pytest.mark.slow

EVIL = "<img src=x onerror=alert(1)>"
LEAKS = re.compile(rf"Traceback|site-packages|File \"|root:|{ROOT}|/home/|Original error")


@pytest.fixture(scope="module")
def raw(url):
    with Raw(url) as client:
        yield client


@pytest.fixture
def listener():
    """A server on this machine that counts who calls."""
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def listen():
            while not stop.is_set():
                try:
                    calls.append(server.accept()[0].close())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", calls
        stop.set()
        thread.join()


def refusal(raw, endpoint="classify", **changes):
    answered, text = raw.ask(endpoint, **changes)
    assert not answered, text[:300]
    assert not LEAKS.search(text), text[:500]
    return text


def png(size):
    buffer = io.BytesIO()
    Image.new("1", size).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a picture"),
        (b"only words", "not a picture"),
        (b"%PDF-1.7\n", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (KITTEN.read_bytes()[:3000], "damaged or cut off"),
        (png((10_000, 10_000)), "too many pixels"),
        (png((20_000, 20_000)), "too many pixels"),
        (png((1, 10_000)), "too thin"),
    ],
    ids=["empty", "words", "pdf", "svg", "truncated", "100 megapixels", "400 megapixels", "strip"],
)
def test_what_is_no_picture_gets_a_plain_message(raw, content, message):
    assert message in refusal(raw, image=raw.send_file(content))


def test_postscript_named_png_starts_no_program(raw, monkeypatch, tmp_path):
    """A gs on the PATH that leaves a mark when it is run."""
    mark, fake = tmp_path / "ran", tmp_path / "gs"
    fake.write_text(f"#!/bin/sh\ntouch {mark}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    assert shutil.which("gs") == str(fake)
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    assert "not a picture" in refusal(raw, image=raw.send_file(eps))
    assert not mark.exists()


@pytest.mark.parametrize("marked", [True, False], ids=["marked as a file", "unmarked"])
def test_files_of_this_machine_are_out_of_reach(raw, tmp_path, marked):
    own = tmp_path / "private.png"
    Image.open(KITTEN).save(own)
    upload = raw.kitten()["path"]
    for path in (str(own), "/etc/passwd", "app.py", f"{upload}/../../../../../..{own}", f"file://{own}"):
        refusal(raw, image=file(path=path) if marked else {"path": path})
        refusal(raw, "search", image=file(path=path) if marked else {"path": path})


def test_links_are_not_fetched(raw, listener):
    address, calls = listener
    for link in (f"{address}/x.png", "http://169.254.169.254/latest", "data:image/png;base64,aGk="):
        for image in (file(path=link), {"path": link}, file(url=link), {"path": None, "url": link}):
            refusal(raw, image=image)
    assert "not followed" in refusal(raw, image=file(path=f"{address}/x.png"))
    assert raw.get(f"gradio_api/proxy={address}/").status_code == 400
    raw.get(f"gradio_api/file={address}/", follow_redirects=False)
    assert calls == []


def test_files_over_http_are_uploads_and_assets_only(raw):
    for path in (
        "file=/etc/passwd",
        "gradio_api/file=/etc/passwd",
        "gradio_api/file/etc/passwd",
        "gradio_api/file=app.py",
        "gradio_api/file=assets/../app.py",
        f"gradio_api/file={KITTEN.parents[2]}/app.py",
        f"gradio_api/file={KITTEN.parent}/..%2f..%2fapp.py",
        "static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    ):
        reply = raw.get(path)
        assert reply.status_code in (403, 404), path
        assert "root:" not in reply.text
        assert "import gradio" not in reply.text


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


@pytest.mark.parametrize(
    "labels",
    [
        "a\0b, cat",
        "🐈‍⬛, قطة, \u202egod, cat",
        "=cmd(), cat",
        "$x^{, cat",
        "<img src=x onerror=alert(1)>, cat",
    ],
    ids=["NUL", "emoji and right to left", "formula", "mathtext", "markup"],
)
def test_odd_labels_are_answered(raw, labels):
    answered, text = raw.ask("classify", image=raw.kitten(), labels=labels)
    assert answered, text[:300]
    answer, _, table, *_ = json.loads(text.rpartition("data: ")[2])
    assert answer["label"] == "cat"
    assert len(table["data"]) == len(labels.split(","))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "x" * 500_000}, "500,000 characters"),
        ({"labels": ",".join(map(str, range(10_000)))}, "10,000 labels"),
        ({"labels": " "}, "at least one label"),
        ({"labels": None}, "at least one label"),
        ({"template": "no place"}, "needs {} once"),
        ({"template": "{0.__class__} {}"}, "no other brace"),
        ({"scoring": "magic"}, "magic"),
        ({"scoring": None}, "no scoring called"),
        ({"model": "nobody/nothing"}, "nobody/nothing"),
        ({"model": "../../etc"}, "../../etc"),
        ({"model": ["embedded"]}, ""),
        ({"image": None}, "Choose a picture"),
        ({"image": 5}, "wrong type"),
        ({"image": "data:image/png;base64,aGk="}, ""),
    ],
)
def test_classify_refuses_on_the_server(raw, changes, message):
    assert message in refusal(raw, **{"image": raw.kitten(), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 9999}, "maximum value 100"),
        ({"k": -1}, "minimum value 1"),
        ({"k": "many"}, "wrong type"),
        ({"query": "x" * 501}, "at most 500"),
        ({"query": ""}, "Say what you are looking for"),
        ({"gallery": "nobody's"}, "no gallery called"),
        ({"gallery": "../../x"}, "no gallery called"),
        ({"gallery": "mine"}, "no gallery of your own"),
        ({"gallery": {"a": 1}}, "no gallery called"),
    ],
)
def test_search_refuses_on_the_server(raw, changes, message):
    assert message in refusal(raw, "search", **changes)


@pytest.mark.parametrize(
    ("endpoint", "changes", "message"),
    [
        ("answer", {"question": ""}, "Ask something"),
        ("answer", {"question": None}, "Ask something"),
        ("answer", {"question": "x" * 201}, "more than 200 characters"),
        ("answer", {"question": "\n".join(map(str, range(51)))}, "at most 50"),
        ("answer", {"image": None}, "Choose a picture"),
        ("answer", {"model": "openai/clip-vit-base-patch32"}, "openai/clip-vit-base-patch32"),
        ("segment", {"prompts": " , "}, "Say what to cut out"),
        ("segment", {"prompts": ",".join(map(str, range(1000)))}, "at most 3,200"),
        ("segment", {"threshold": 7}, "maximum value 1"),
        ("segment", {"threshold": "half"}, "wrong type"),
        ("segment", {"image": None}, "Choose a picture"),
        ("segment_like", {}, "example"),
        ("segment_like", {"box": "1, 2, three"}, "box"),
        ("segment_like", {"box": "9, 9, 1, 1"}, "box"),
    ],
)
def test_questions_and_prompts_are_checked_on_the_server(raw, endpoint, changes, message):
    changes = {"image": raw.kitten(), **changes}
    if "box" in changes:
        changes["example"] = raw.kitten()
    assert message in refusal(raw, endpoint, **changes)


@pytest.mark.parametrize(
    ("endpoint", "changes", "message"),
    [
        ("caption_asif", {"p": "much"}, "wrong type"),
        ("caption_asif", {"bank": "../../etc"}, "no gallery called"),
        ("caption_asif", {"own": {"path": "/etc/passwd"}, "bank": "mine"}, ""),
        ("caption_asif", {"removed": ["tabby cat", EVIL]}, "no anchor called"),
        ("caption_asif", {"removed": ["x"] * 10_000}, "no anchor called"),
        ("caption_asif", {"removed": [{"a": 1}]}, "no anchor called"),
        ("caption_asif", {"model": "embedded-captioner"}, "embedded-captioner"),
        ("caption_magic", {"max_length": 10**9}, "maximum value 64"),
        ("caption_magic", {"writer": "embedded"}, "embedded"),
        ("caption_magic", {"model": "embedded-captioner"}, "embedded-captioner"),
        ("caption_compare", {"methods": ["nobody/nothing"]}, "nobody/nothing"),
        ("caption_compare", {"methods": "ASIF"}, ""),
        ("caption_compare", {"files": [{"path": "/etc/passwd"}]}, "not uploaded"),
        ("caption_compare", {"image": None}, "Choose a picture"),
    ],
)
def test_captions_are_refused_on_the_server(raw, endpoint, changes, message):
    assert message in refusal(raw, endpoint, **{"image": raw.kitten(), **changes})


NOT_FINITE = [
    ("search", "k", "between 1 and 100"),
    ("segment", "threshold", "between 0 and 1"),
    ("caption_asif", "k", "whole number"),
    ("caption_asif", "p", "p between 0 and 8"),
    ("caption_magic", "k", "whole number"),
    ("caption_magic", "alpha", "between 0 and 1"),
    ("caption_magic", "beta", "between 0 and 100"),
    ("caption_magic", "scale", "sharpness"),
]


@pytest.mark.parametrize(("endpoint", "field", "message"), NOT_FINITE)
def test_what_is_not_a_number_is_refused_by_handlers_too(page, endpoint, field, message):
    """No JSON that is let through holds a NaN; the handlers do not rely on it."""
    handler = next(fn.fn for fn in page.fns.values() if fn.api_name == endpoint)
    values = {**DEFAULTS[endpoint], "image": Image.open(KITTEN), field: float("nan")}
    with pytest.raises(gr.Error, match=message):
        list(handler(*values.values()))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"], ids=ascii)
def test_what_is_no_json_is_refused(raw, value):
    for endpoint, field in (("search", "k"), ("segment", "prompts"), ("answer", "question"), ("classify", "labels")):
        assert "well-formed JSON" in refusal(raw, endpoint, **{field: value})


@pytest.mark.parametrize(
    "content",
    [b"a cat\0\n\xff\xfe\n" + EVIL.encode(), "🐈 \u202egod\n=cmd()\n$x^{\n".encode()],
    ids=["not utf-8", "odd characters"],
)
def test_odd_banks_are_read(raw, content):
    own = raw.send_file(content, "bank.txt")
    answered, reply = raw.ask("caption_asif", image=raw.kitten(), bank="mine", own=own)
    assert answered, reply[:300]
    assert not LEAKS.search(reply)
    refused = refusal(raw, "caption_asif", image=raw.kitten(), bank="mine", own=raw.send_file(b"\n \n", "bank.txt"))
    assert "The bank is empty" in refused


@pytest.mark.parametrize(
    "text",
    ["a\0 cat", "🐈‍⬛ \u202egod", "$x^{", EVIL],
    ids=["NUL", "emoji", "mathtext", "markup"],
)
@pytest.mark.parametrize(("endpoint", "field"), [("answer", "question"), ("segment", "prompts")])
def test_odd_questions_and_prompts_are_answered(raw, endpoint, field, text):
    answered, reply = raw.ask(endpoint, image=raw.kitten(), **{field: text})
    assert answered, reply[:300]
    assert f">{EVIL}" not in reply  # data as it was typed, but no markup around it


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
