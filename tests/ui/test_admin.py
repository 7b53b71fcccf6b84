# SPDX-License-Identifier: Apache-2.0

"""The admin comes in by password from the tab of the main page, on a phone and with the keyboard alone, and leaves again."""

import re

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

from tests.app_fixture import ADMIN_PASSWORD
from tests.ui.looks import CONTRASTS


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_in_by_password_and_out_again(chromium, url, scheme):
    with chromium.new_context(color_scheme=scheme, viewport={"width": 390, "height": 844}) as visitor:
        page = visitor.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        page.get_by_role("tab", name="Admin", exact=True).click()
        expect(page.get_by_role("heading", name="Finished runs")).to_be_visible(timeout=15_000)
        expect(page).to_have_url(f"{url}?tab=admin")
        page.wait_for_timeout(300)  # colours fade in
        assert [words for words, contrast in page.evaluate(CONTRASTS) if contrast < 4.5] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_label("Password").focus()
        page.keyboard.type("not the password")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("That is not the password.")
        assert [words for words, contrast in page.evaluate(CONTRASTS) if contrast < 4.5] == []
        page.keyboard.type(ADMIN_PASSWORD)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Training runs")).to_be_visible()
        expect(page).to_have_url(re.compile(f"^{url}admin/"))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert [asked_url for asked_url in asked if not re.match(f"{url}|data:|blob:", asked_url)] == []
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Password")).to_be_focused()
        page.get_by_role("link", name="Back to the lab").click()
        expect(page.get_by_role("tab", name="Admin", exact=True)).to_be_visible(timeout=15_000)
