# SPDX-License-Identifier: Apache-2.0

"""The first screen: what it answers, and the map of the strategies."""

import html
import re

import gradio as gr
import pytest

from core.errors import UserError
from tabs import all_tabs
from tabs._texts import texts
from tabs.start.handlers import answer
from tabs.start.strategies import STRATEGIES, doors, strategy_map
from tests.tabs.conftest import last

SAID = texts("start")
EVIL = "<img src=x onerror=alert(1)>"


def test_it_answers_with_the_anchors_that_decided(lab, kitten):
    given = last(answer(lab, kitten, "dog, cat, horse, bird"))
    assert given.shown.startswith('<p class="headline">cat</p>')
    finding = html.unescape(re.search(r'<p class="trust">(.*?)</p>', given.shown)[1])
    start, _ = SAID.finding.split("{anchors}")
    assert finding.startswith(start.format(label="cat"))
    assert given.why.count("<svg") == 1
    assert given.error == given.link == gr.skip()


def test_what_is_typed_stays_text(lab, kitten):
    given = last(answer(lab, kitten, f"{EVIL}, a stone"))
    assert "<img" not in given.shown + given.why
    assert html.escape(EVIL) in given.shown


def test_a_label_that_shares_nothing_is_told_so(lab, kitten, monkeypatch):
    monkeypatch.setattr("tabs.start.handlers.contributions", lambda *_: [])
    assert SAID("no_anchors", label="cat") in last(answer(lab, kitten, "cat")).shown


@pytest.mark.parametrize(("labels", "message"), [(" , ", "at least one label"), ("cat", "Choose a picture first")])
def test_refusals(lab, kitten, labels, message):
    with pytest.raises(UserError, match=message):
        list(answer(lab, None if labels == "cat" else kitten, labels))


def test_each_strategy_is_drawn_and_leads_to_a_tab_that_there_is():
    shown = strategy_map()
    assert shown.count("<li>") == shown.count("<svg") == len(STRATEGIES)
    assert set(re.findall(r'href="\?tab=(\w+)"', shown)) <= {tab.id for tab in all_tabs()}
    ids = re.findall(r' id="([^"]+)"', shown)
    assert len(set(ids)) == len(ids), "each drawing has its own"
    assert set(re.findall(r"url\(#([^)]+)\)", shown)) <= set(ids)


def test_the_doors_lead_somewhere():
    tab, anchor = re.findall(r'href="([^"]+)"', doors())
    assert tab.removeprefix("?tab=") in {tab.id for tab in all_tabs()}
    assert f'id="{anchor.removeprefix("#")}"' in strategy_map()
