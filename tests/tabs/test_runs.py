# SPDX-License-Identifier: Apache-2.0

"""The contract of the admin page's API, through gradio_client with a session's cookie; and a run's way into the tabs."""

import json
import time

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from core.assets import EXAMPLES_FOLDER
from tests.app_fixture import ADMIN_PASSWORD

pytestmark = pytest.mark.slow

SHORT = {"steps": 4, "batch": 4, "eval_every": 2, "warmup": 0}


@pytest.fixture(scope="module")
def admin(app_lab, url):
    session = app_lab.admin_sessions.sign_in(ADMIN_PASSWORD, "127.0.0.1")
    return Client(f"{url}admin", headers={"Cookie": f"{app_lab.admin_sessions.cookie}={session}"}, verbose=False)


def ended(admin, id, seconds=180):
    """What is shown of the run once it no longer trains."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        shown = admin.predict(id, api_name="/runs_show")
        if shown["state"] != "running":
            return shown
        time.sleep(0.5)
    raise AssertionError(shown)


def test_a_run_from_the_start_to_a_tab(admin, client, few):
    id = admin.predict("contrastive", few, json.dumps(SHORT), "eight pictures", api_name="/runs_start")
    assert id in [run["id"] for run in admin.predict(api_name="/runs_list")]
    shown = ended(admin, id)
    assert shown["state"] == "finished", shown["log"]
    measured = [row for row in shown["metrics"] if "R@1" in row]
    assert [row["step"] for row in measured] == [0, 2, 4]
    assert measured[-1]["eval_loss"] != measured[0]["eval_loss"]
    said = shown["predictions"]
    assert len(said["before"]) == len(said["after"]) == len(said["examples"])
    cat = handle_file(str(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg"))
    answer, *_ = client.predict(
        cat, "a cat, a boat", "a photo of {}", "softmax", "eight pictures", api_name="/classify"
    )
    assert max(answer, key=answer.get) == "a cat"
    with pytest.raises(AppError, match="finished"):
        admin.predict(id, api_name="/runs_resume")


def test_a_cancelled_run_keeps_what_it_has(admin, few):
    settings = {**SHORT, "steps": 20_000, "eval_every": 50}
    id = admin.predict("contrastive", few, json.dumps(settings), "stopped", api_name="/runs_start")
    with pytest.raises(AppError, match="one run trains at a time"):
        admin.predict("contrastive", few, json.dumps(SHORT), "another", api_name="/runs_start")
    while not any("loss" in row for row in admin.predict(id, api_name="/runs_show")["metrics"]):
        time.sleep(0.2)
    assert admin.predict(id, api_name="/runs_cancel")["id"] == id
    shown = ended(admin, id)
    assert shown["state"] == "cancelled", shown["log"]
    assert 1 <= shown["step"] < 20_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing", "gallery"), "no objective called"),
        (("contrastive", "nowhere"), "no data called"),
        (("contrastive", "gallery:nobody"), "no gallery called"),
        (("contrastive", "run:../.."), "no run"),
        (("contrastive", "gallery", "[1]"), "no JSON object"),
        (("contrastive", "gallery", "{" * 30_000), "no JSON object"),
        (("contrastive", "gallery", '{"steps": 0}'), "steps lies between"),
        (("contrastive", "gallery", '{"steps": "many"}'), "wants a whole number"),
        (("contrastive", "gallery", '{"__class__": 1}'), "no setting called"),
        (("contrastive", "gallery", "{}", "x", "../../etc"), "cannot start from"),
        (("contrastive", "gallery", "{}", "x" * 2000), "characters"),
    ],
)
def test_what_cannot_be_started_is_refused_in_plain_words(admin, arguments, message):
    before = admin.predict(api_name="/runs_list")
    with pytest.raises(AppError, match=message):
        admin.predict(*arguments, api_name="/runs_start")
    assert admin.predict(api_name="/runs_list") == before


@pytest.mark.parametrize("endpoint", ["runs_show", "runs_cancel", "runs_resume"])
def test_runs_that_there_are_not(admin, endpoint):
    for id in ("", "../..", "x" * 500):
        with pytest.raises(AppError, match="no run"):
            admin.predict(id, api_name=f"/{endpoint}")
