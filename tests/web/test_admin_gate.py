# SPDX-License-Identifier: Apache-2.0

"""Who gets to /admin: raw requests against the running app, with and without a session."""

import asyncio
import logging
import re

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from starlette.requests import Request

import app
from tabs.admin import page as _admin
from tests.app_fixture import ADMIN_PASSWORD

EVERY_KIND = [
    ("GET", ""),
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/?token=guess"),
    ("GET", "/sign-in"),
    ("POST", "/sign-out"),
    ("GET", "/config"),
    ("GET", "/theme.css"),
    ("GET", "/openapi.json"),
    ("GET", "/monitoring/summary"),
    ("GET", "/static/img/logo.svg"),
    ("GET", "/assets/index.js"),
    ("GET", "/gradio_api/info"),
    ("GET", "/gradio_api/startup-events"),
    ("GET", "/gradio_api/heartbeat/somebody"),
    ("GET", "/gradio_api/app_id"),
    ("GET", "/gradio_api/queue/data?session_hash=somebody"),
    ("GET", "/gradio_api/upload_progress?upload_id=1"),
    ("GET", "/gradio_api/file=/etc/passwd"),
    ("POST", "/gradio_api/queue/join"),
    ("POST", "/gradio_api/call/runs_list"),
    ("POST", "/gradio_api/run/runs_list"),
    ("POST", "/gradio_api/cancel"),
    ("POST", "/gradio_api/upload"),
    ("POST", "/login"),
    ("OPTIONS", "/gradio_api/queue/join"),
    ("DELETE", "/no/such/thing"),
]
CALL = {"data": [], "session_hash": "somebody", "fn_index": 0}


@pytest.fixture(scope="module")
def secrets_log():
    """What is logged by anything while this module runs."""
    lines, handler = [], logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)


@pytest.fixture(scope="module")
def link(app_lab, url, secrets_log):
    """The link as it is printed at the start, not yet used."""
    assert re.fullmatch(rf"Admin: {url}admin/\?token=[\w-]{{40,}}", app.admin_line(app_lab, url))
    return app.admin_line(app_lab, url).removeprefix("Admin: ")


@pytest.fixture(scope="module")
def admin(link, url):
    with httpx.Client(base_url=f"{url}admin", follow_redirects=True) as client:
        assert client.get(link).status_code == 200
        yield client


@pytest.fixture
def stranger(url):
    with httpx.Client(base_url=f"{url}admin") as client:
        yield client


def sign_in(client, password, address="127.0.0.1", **headers):
    return client.post("/sign-in", data={"password": password}, headers={"x-forwarded-for": address, **headers})


@pytest.mark.parametrize(("method", "path"), EVERY_KIND)
def test_strangers_get_401_everywhere(stranger, method, path):
    reply = stranger.request(method, path)
    assert reply.status_code == 401
    assert "runs_list" not in reply.text


def test_strangers_get_401_on_every_route_that_gradio_has(admin, stranger):
    paths = admin.get("/openapi.json").json()["paths"]
    assert len(paths) > 40
    for path, methods in paths.items():
        for method in methods:
            for cookie in ({}, {"cookie": f"{next(iter(admin.cookies))}=guess"}):
                reply = stranger.request(method.upper(), re.sub(r"{.*?}", "x", path), headers=cookie)
                assert reply.status_code == 401, (method, path)


def test_a_path_cannot_be_written_so_that_the_gate_is_passed(url, stranger):
    for path in ("//admin/config", "/./admin/config", "/x/../admin/config", "/ADMIN/config", "/admin;/config"):
        assert "runs_list" not in stranger.get(url.rstrip("/") + path).text
    assert stranger.get(f"{url}%61dmin/config").status_code == 401
    assert stranger.get("/config", headers={"host": "127.0.0.1/admin/sign-in?"}).status_code == 401


def test_the_link_opens_once(admin, stranger, link):
    assert "runs_list" in admin.get("/").text
    assert stranger.get(link).status_code == 401  # a replay
    assert admin.get(link).url.query == b""  # whoever is inside stays inside
    assert {cookie.path for cookie in admin.cookies.jar} == {"/admin"}


def test_the_password_opens_too_and_signing_out_closes(url, stranger):
    entered = sign_in(stranger, ADMIN_PASSWORD)
    attributes = entered.headers["set-cookie"].lower()
    assert (entered.status_code, entered.headers["location"]) == (303, "/admin/")
    assert all(part in attributes for part in ("httponly", "samesite=strict", "path=/admin", "max-age=43200"))
    assert "secure" not in attributes
    secured = sign_in(httpx.Client(base_url=f"{url}admin"), ADMIN_PASSWORD, **{"x-forwarded-proto": "https"})
    assert "secure" in secured.headers["set-cookie"].lower()
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in stranger.cookies.items())}
    assert stranger.get("/config").status_code == 200
    assert stranger.post("/sign-out").status_code == 303
    assert stranger.get("/config", headers=cookie).status_code == 401


def test_wrong_passwords_are_throttled_and_a_session_goes_on(admin, stranger):
    replies = [sign_in(stranger, f"guess {n}", "203.0.113.9") for n in range(100)]
    assert [reply.status_code for reply in replies] == [401] * 5 + [429] * 95
    assert "That is not the password" in replies[0].text
    assert "Try again in 2 seconds" in replies[5].text
    assert replies[5].headers["retry-after"] == "2"
    assert sign_in(stranger, ADMIN_PASSWORD, "203.0.113.9").status_code == 429
    assert admin.get("/config").status_code == 200
    assert sign_in(stranger, ADMIN_PASSWORD).status_code == 303  # somebody else


@pytest.mark.parametrize("body", [b"", b"\xff\xfe=%ff", b"&" * 10_000, b"password=", b"password[]=x"])
def test_odd_sign_ins_are_wrong_ones(stranger, body):
    odd = {"content-type": "application/x-www-form-urlencoded", "x-forwarded-for": "203.0.113.10"}
    assert stranger.post("/sign-in", content=body, headers=odd).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_other_sites_cannot_post_even_with_the_cookie(admin, headers):
    for path in ("/gradio_api/queue/join", "/gradio_api/call/runs_list", "/gradio_api/upload", "/sign-out"):
        assert admin.post(path, json=CALL, headers=headers).status_code == 403
    assert sign_in(admin, ADMIN_PASSWORD, **headers).status_code == 403
    if "origin" in headers:
        assert admin.get("/config", headers=headers).status_code == 403


def test_the_page_itself_may_post(admin, url):
    own = {"origin": url.rstrip("/"), "sec-fetch-site": "same-origin"}
    assert admin.post("/gradio_api/call/runs_list", json=CALL, headers=own).status_code == 200


def test_what_launch_shuts_is_shut_here_too(admin):
    assert admin.get("/monitoring/summary").status_code == admin.get("/monitoring").status_code == 403
    assert admin.post("/gradio_api/run/runs_list", json=CALL).status_code == 404
    assert admin.get("/gradio_api/runs").status_code == 404
    assert admin.get("/gradio_api/file=/etc/passwd").status_code == 403
    assert admin.post("/gradio_api/call/runs_list", json={"data": ["x" * 5_000_000]}).status_code == 413
    config = admin.get("/config").json()
    assert (config["show_error"], config["analytics_enabled"], config["max_file_size"]) == (False, False, 600 * 2**20)
    assert "frame-ancestors 'self'" in admin.get("/").headers["content-security-policy"]


def test_programs_call_it_with_the_cookie(admin, url, app_lab):
    cookie = "; ".join(f"{name}={value}" for name, value in admin.cookies.items())
    client = Client(f"{url}admin", headers={"Cookie": cookie}, verbose=False)
    listed = client.predict(api_name="/runs_list")
    assert [run["id"] for run in listed] == [run.id for run in app_lab.runs.list()]


def test_an_event_is_refused_when_its_session_ended_while_it_waited(app_lab):
    page = _admin.build(app_lab)
    session = app_lab.admin_sessions.sign_in(ADMIN_PASSWORD, "127.0.0.1")
    cookie = f"{app_lab.admin_sessions.cookie}={session}".encode()
    waiting = gr.Request(Request({"type": "http", "headers": [(b"cookie", cookie)]}))

    (listing,) = [number for number, event in page.fns.items() if event.api_name == "runs_list"]

    def run(request):
        return asyncio.run(page.process_api(listing, [], request=request))["data"]

    assert len(run(waiting)[0]) == len(app_lab.runs.list())
    app_lab.admin_sessions.sign_out(session)
    for request in (waiting, None, gr.Request()):
        with pytest.raises(gr.Error, match="sign in again"):
            run(request)


def test_secrets_are_in_no_answer_and_no_log(admin, stranger, link, settings, url, secrets_log):
    token, session = link.partition("token=")[2], next(iter(admin.cookies.values()))
    secrets = (ADMIN_PASSWORD, ADMIN_PASSWORD.replace(" ", "+"), token, session)
    told = [str(settings), repr(settings), *secrets_log]
    told += [stranger.get(link).text, sign_in(stranger, ADMIN_PASSWORD + " not").text]
    for client, base in ((admin, "/"), (admin, f"{url}")):
        told += [client.get(f"{base}{path}").text for path in ("", "config", "gradio_api/info", "theme.css", "none")]
    assert not [text[:200] for text in told for secret in secrets if secret in text]


def test_the_form_of_the_main_page_leads_in(url):
    main = httpx.get(f"{url}config").text
    assert "runs_list" not in main
    assert 'action=\\"/admin/sign-in\\"' in main
    own = {"origin": url.rstrip("/"), "sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=url.rstrip("/"), follow_redirects=True) as client:
        entered = client.post("/admin/sign-in", data={"password": ADMIN_PASSWORD}, headers=own)
        assert (entered.status_code, entered.url.path) == (200, "/admin/")
        assert "runs_list" in entered.text
