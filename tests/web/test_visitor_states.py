# SPDX-License-Identifier: Apache-2.0

"""What the server remembers of visitors: little, and never less because others call."""

import datetime
import gc
import tracemalloc

import gradio as gr
import pytest

from tests.raw import Raw
from web.page import Page
from web.visitor_states import CAPACITY, REMEMBERED_S, VisitorStates, keep_small


@pytest.fixture
def deleted():
    return []


@pytest.fixture
def small(deleted):
    with Page() as page:
        gr.State([], delete_callback=deleted.append)
        gr.Textbox()
    keep_small(page.state_holder)
    return page


def state_of(page):
    return next(number for number, block in page.blocks.items() if isinstance(block, gr.State))


def test_calls_without_a_session_make_no_visitor_forget(small):
    states, key = small.state_holder, state_of(small)
    states["visitor"][key] = ["a picture"]
    for number in range(3 * CAPACITY):
        states[f"call {number}"]
    assert states["visitor"][key] == ["a picture"]
    assert len(states.session_data) == len(states.time_last_used) == CAPACITY
    assert "call 1" not in states
    assert f"call {3 * CAPACITY - 1}" in states


def test_what_a_session_sets_is_its_own(small):
    states, (text,) = small.state_holder, [n for n, block in small.blocks.items() if isinstance(block, gr.Textbox)]
    states["one"][text] = changed = gr.Textbox("mine", render=False)
    assert states["one"][text] is changed
    assert states["another"][text] is small.blocks[text]


def test_a_session_does_not_grow_with_the_page():
    with Page() as page:
        for _ in range(500):
            gr.Textbox()
    keep_small(page.state_holder)
    page.state_holder["first"]
    tracemalloc.start()
    page.state_holder["visitor"]
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 10_000  # its copy of the list of components alone was larger


def test_the_number_of_sessions_is_bounded_whatever_they_hold(small, deleted):
    states, key = small.state_holder, state_of(small)
    for number in range(CAPACITY + 5):
        states[str(number)][key] = [number]
    assert len(states.session_data) == CAPACITY
    assert deleted == [[number] for number in range(5)]  # the longest idle, by what gr.State has to delete them with


def test_a_session_is_forgotten_an_hour_after_its_page_was_closed(small, deleted):
    states, key = small.state_holder, state_of(small)
    for session, closed, idle in (("open", False, 2), ("closed", True, 0.9), ("closed long", True, 1.1)):
        states[session][key] = [session]
        states[session].is_closed = closed
        states.time_last_used[session] -= datetime.timedelta(seconds=idle * REMEMBERED_S)
    states.delete_all_expired_state()
    assert set(states.session_data) == {"open", "closed"}
    assert deleted == [["closed long"]]


@pytest.mark.slow
@pytest.mark.parametrize("labels", ["cat, dog", " "], ids=["answered", "refused"])
def test_a_call_leaves_little_behind(url, page, labels):
    """450 kB before, for up to 10,000 calls, and what each answer showed."""
    assert isinstance(page.state_holder, VisitorStates)
    with Raw(url) as raw:
        image = raw.kitten()

        def call(times):
            for _ in range(times):
                answered, text = raw.ask("classify", image=image, labels=labels)
                assert answered == (labels != " "), text[:300]
            gc.collect()

        call(3)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        call(4)  # traced, a call takes ten times as long
        grown = (tracemalloc.get_traced_memory()[0] - before) / 4
        tracemalloc.stop()
    assert grown < 100_000
