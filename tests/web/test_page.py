# SPDX-License-Identifier: Apache-2.0

"""What the page does with the values of an event before a handler gets them."""

import asyncio
import datetime
from contextlib import suppress

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from web.page import UNREADABLE, Page


@pytest.fixture
def page():
    with Page() as page:
        page.kept = gr.State(None, time_to_live=3600)
        page.unread = gr.State(None, time_to_live=3600)
        slider = gr.Slider(0, 1)
        gr.Button().click(lambda kept, number: None, [page.kept, slider], None)
    return page


def preprocess(page, inputs, state):
    return asyncio.run(page.preprocess_data(page.fns[0], inputs, state))


def test_a_state_that_is_used_lives_on(page):
    state = SessionState(page)
    long_ago = datetime.datetime.now() - datetime.timedelta(seconds=3599)
    for block in (page.kept, page.unread):
        state[block._id] = f"what {block._id} holds"
        state._state_ttl[block._id] = (3600, long_ago)
    assert preprocess(page, [None, 0.5], state) == [f"what {page.kept._id} holds", 0.5]
    assert state._state_ttl[page.kept._id][1] > long_ago
    assert state._state_ttl[page.unread._id][1] == long_ago


def test_a_state_that_nobody_wrote_is_not_kept(page):
    state = SessionState(page)
    assert preprocess(page, [None, 0.5], state) == [None, 0.5]
    assert page.kept._id not in state._state_ttl


@pytest.mark.parametrize("number", ["half", [], {"a": 1}])
def test_a_value_of_a_wrong_type_is_refused_in_words(page, number):
    with pytest.raises(gr.Error, match=UNREADABLE):
        preprocess(page, [None, number], SessionState(page))


def test_links_are_refused(page):
    with pytest.raises(gr.Error, match="links are not followed"):
        preprocess(page, [None, [{"deep": {"path": "HTTP://127.0.0.1/x"}}]], SessionState(page))


@pytest.mark.parametrize("name", ["/etc/passwd", "/gradio_api/file=/etc/passwd", "%2Fetc%2Fpasswd"])
def test_the_address_of_a_file_is_no_way_around_the_check_of_its_path(page, name):
    sent = {"path": f"http://127.0.0.1/gradio_api/file={name}"}
    with suppress(gr.Error):
        preprocess(page, [None, sent], SessionState(page))
    assert sent["meta"] == {"_type": "gradio.FileData"}, "by which Gradio checks it"
    assert not sent["path"].startswith("http")
