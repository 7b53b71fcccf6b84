# SPDX-License-Identifier: Apache-2.0

"""The visitors of the benchmarks, against the app of the tests; what the benchmarks find is not a matter of tests."""

import hashlib
import time

import httpx
import pytest

from benchmarks.fairness import Jobs
from benchmarks.serving import Crowd, Visitor, new_photograph, summary
from tests.waiting import until


@pytest.fixture
def visitor(url):
    with Visitor(url) as visitor:
        yield visitor


def test_no_photograph_comes_twice():
    assert len({hashlib.sha256(new_photograph()).digest() for _ in range(60)}) == 60


def test_the_percentile_is_that_of_all_answers():
    figures = summary([0.1] * 90 + [9.0] * 10)
    assert figures == {"n": 100, "p50": 0.1, "p95": 9.0, "longest": 9.0}
    assert summary([2.0]) == {"n": 1, "p50": 2.0, "p95": 2.0, "longest": 2.0}


@pytest.mark.slow
def test_a_visitor_is_answered_and_timed(visitor):
    began = time.monotonic()
    assert 0 < visitor.classify() <= time.monotonic() - began


def test_what_the_lab_refuses_is_an_error(visitor):
    with pytest.raises(RuntimeError, match="classify: error"):
        visitor.ask("classify", None, "cat", "a photo of a {}", "softmax", "embedded")
    with pytest.raises(RuntimeError, match="add_pictures"):
        visitor.press("add_pictures", [], "embedded", None)


def test_pictures_are_added_as_a_person_adds_them(visitor):
    reply = visitor.press("add_pictures", visitor.upload([new_photograph() for _ in range(2)]), "embedded", None)
    assert "Added 2." in reply


@pytest.mark.slow
def test_a_crowd_asks_until_the_end_and_tells_of_failures(url):
    with Crowd(url, 2) as crowd:
        until(lambda: len(crowd.seconds) >= 3, 60)
    with pytest.raises(httpx.ConnectError), Crowd("http://127.0.0.1:9/", 1):
        pass


def test_jobs_go_on_until_the_end():
    done = []

    def job(url):
        done.append(url)

    with Jobs("http://somewhere", [job]) as jobs:
        until(lambda: jobs.ended["job"] >= 3)
    assert not jobs.errors
    assert set(done) == {"http://somewhere"}
