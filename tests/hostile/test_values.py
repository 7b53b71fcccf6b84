# SPDX-License-Identifier: Apache-2.0

"""What must not work: values that no widget of the page would send. Odd ones that mean no harm are answered."""

import gradio as gr
import pytest
from PIL import Image

from tests.hostile.refusal import LEAKS, refusal
from tests.public import from_stream
from tests.raw import DEFAULTS, KITTEN

pytestmark = pytest.mark.slow

EVIL = "<img src=x onerror=alert(1)>"


def test_odd_labels_are_answered(raw):
    """NUL, emoji and right to left, a formula, mathtext, markup."""
    labels = f"a\0b, 🐈‍⬛, قطة, \u202egod, =cmd(), $x^{{, {EVIL}, cat"
    answered, text = raw.ask("classify", image=raw.kitten(), labels=labels)
    assert answered, text[:300]
    given = from_stream("classify", text)
    assert max(given.answer, key=given.answer.get) == "cat"
    assert len(given.answer) == len(given.table["data"]) == len(labels.split(","))


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


ODD = ["a\0 cat", "🐈‍⬛ \u202egod", "$x^{", EVIL]


@pytest.mark.parametrize(
    ("endpoint", "changes"),
    [*(("answer", {"question": text}) for text in ODD), ("segment", {"prompts": "\n".join(ODD)})],
    ids=["NUL", "emoji", "mathtext", "markup", "prompts"],
)
def test_odd_questions_and_prompts_are_answered(raw, endpoint, changes):
    """Only the first question of several is drawn, but all prompts are."""
    answered, reply = raw.ask(endpoint, image=raw.kitten(), **changes)
    assert answered, reply[:300]
    assert f">{EVIL}" not in reply  # data as it was typed, but no markup around it
