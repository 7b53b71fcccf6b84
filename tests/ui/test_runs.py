# SPDX-License-Identifier: Apache-2.0

"""A run in a browser: chosen, with examples shown, started, watched to its end, seen by a visitor, and duplicated."""

import json
import re
import time

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

from core.training.run_folder import FINISHED
from tests.app_fixture import ADMIN_PASSWORD

SOON = 30_000  # ms; what is tested is that it comes: on a busy machine a page takes ten times as long


@pytest.fixture
def admin(chromium, url, app_lab):
    session = app_lab.admin_sessions.sign_in(ADMIN_PASSWORD, "127.0.0.1")
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as visitor:
        visitor.add_cookies([{"name": app_lab.admin_sessions.cookie, "value": session, "url": f"{url}admin"}])
        page = visitor.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{url}admin/")
        yield page
        assert [one for one in asked if not re.match(f"{url}|data:|blob:", one)] == []


def choose(page, label, option):
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option).click()


def test_a_run_from_the_form_to_its_curves_and_to_a_visitor(admin, few, url):
    admin.get_by_role("tab", name="Start", exact=True).click()
    choose(admin, "Data", re.compile("a few to train on"))
    # Gradio's footer has a button of the same name, which is there before the form is.
    admin.locator("button.label-wrap", has_text="Settings").filter(visible=True).click()
    admin.wait_for_timeout(500)  # Gradio forgets what is typed in the very moment in which a field appears
    for name, value in (("Steps", "4"), ("Batch", "4"), ("Eval every", "2")):
        admin.get_by_label(name, exact=True).filter(visible=True).fill(value)
    admin.get_by_role("button", name="Preview data").click()
    expect(admin.get_by_text("8 examples can be used: 8 pictures.")).to_be_visible(timeout=SOON)
    admin.get_by_label("Name of the run").fill("<b>seen</b>")
    admin.get_by_role("button", name="Start", exact=True).click()
    expect(admin.get_by_role("button", name="Cancel, keep what it has")).to_be_visible(timeout=SOON)
    expect(admin.get_by_role("button", name="Resume")).not_to_be_visible()
    expect(admin.get_by_text(re.compile("<b>seen</b>: finished"))).to_be_visible(timeout=120_000)
    admin.reload()
    expect(admin.get_by_text(re.compile("<b>seen</b>: finished"))).to_be_visible(timeout=SOON)
    expect(admin.get_by_text(re.compile(r"R@1 \d\.\d{3} → \d\.\d{3} \(\d held out\)")).last).to_be_visible()
    expect(admin.get_by_role("img", name=re.compile("held-out loss from"))).to_be_visible()
    expect(admin.get_by_role("link", name="Use it in Classify")).to_be_visible()
    expect(admin.get_by_role("button", name="Cancel, keep what it has")).not_to_be_visible()
    with admin.expect_download() as zipped:
        admin.get_by_role("button", name="Download the model").click()
    assert zipped.value.suggested_filename.endswith(".zip")
    admin.get_by_role("button", name="Duplicate and edit").click()
    expect(admin.get_by_label("Steps", exact=True).filter(visible=True)).to_have_value("4")
    expect(admin.get_by_label("Data", exact=True)).to_have_value("The data of <b>seen</b>")
    admin.get_by_role("link", name="Back to the lab").click()
    expect(admin).to_have_url(f"{url}?tab=admin")
    admin.get_by_role("link", name="<b>seen</b>").click()
    expect(admin.get_by_role("img", name=re.compile("held-out loss from"))).to_be_visible(timeout=SOON)
    expect(admin.get_by_role("table").last).to_contain_text("Correct answer")


def test_a_tab_chosen_while_the_page_opens_stays(admin, app_lab, url, monkeypatch):
    folder = app_lab.runs.place / "older"
    folder.mkdir(parents=True)
    (folder / "request.json").write_text(json.dumps({"objective": "contrastive", "data": "gallery", "name": "older"}))
    (folder / "status.json").write_text(json.dumps({"state": FINISHED}))
    listed = app_lab.runs.list
    monkeypatch.setattr(app_lab.runs, "list", lambda: time.sleep(2) or listed())
    admin.goto(f"{url}admin/")  # without the run that another test may have left in the address
    admin.get_by_role("tab", name="Start", exact=True).click()
    expect(admin).to_have_url(re.compile(r"\?run="), timeout=SOON)  # what was asked for is answered
    admin.wait_for_timeout(2_000)
    expect(admin.get_by_role("tab", name="Start", exact=True)).to_have_attribute("aria-selected", "true")
    admin.reload()
    expect(admin.get_by_role("tab", name="Watch", exact=True)).to_have_attribute("aria-selected", "true", timeout=SOON)


def test_a_run_deleted_in_one_window_is_gone_in_another_without_an_error(admin, app_lab, url):
    folder = app_lab.runs.place / "ended"
    folder.mkdir(parents=True)
    (folder / "request.json").write_text(
        json.dumps({"objective": "contrastive", "data": "gallery", "name": "to delete"})
    )
    (folder / "status.json").write_text(json.dumps({"state": FINISHED}))
    app_lab.runs.list()
    other = admin.context.new_page()
    for page in (admin, other):
        page.goto(f"{url}admin/?run=ended")
        expect(page.get_by_text("to delete: finished")).to_be_visible(timeout=SOON)
    admin.get_by_role("button", name="Delete").click()
    expect(other.get_by_text("This run was deleted.")).to_be_visible(timeout=SOON)
    other.wait_for_timeout(5_000)  # two refreshes
    assert other.locator(".toast-body").count() == 0
    assert other.get_by_text("This run was deleted.").is_visible()
    expect(other.get_by_role("button", name="Delete")).not_to_be_visible()  # what would do nothing is not there
