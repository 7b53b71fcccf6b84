# SPDX-License-Identifier: Apache-2.0

"""Addresses that bring an answer back: what they say, that they are read back exactly, and that none does harm."""

from types import SimpleNamespace
from urllib.parse import parse_qs, urlencode

import gradio as gr
import pytest

from core.assets import EXAMPLES_FOLDER
from tabs import _links, all_tabs
from tabs._links import Example, Form, address, another, chosen, opened, picture

KITTEN, DOG = "kitten-yarn-ball.jpg", "dog-german-shepherd.jpg"
ODD = "a cat & a dog = 50 %?\n# 🐈‍⬛, قطة\n+plus+; <b>"


@pytest.fixture(scope="module")
def form():
    """Of a tab with a field of each kind."""
    with gr.Blocks(analytics_enabled=False):
        fields = {
            "text": gr.Textbox("cat, dog"),
            "number": gr.Slider(1, 10, 5, step=1),
            "any": gr.Number(3),
            "yes": gr.Checkbox(True),
            "which": gr.Radio([("one", "1"), ("two", "2")], value="1"),
            "overlap": gr.Radio([("each", True), ("none", False)], value=True),
            "model": gr.Dropdown(["embedded", "other"], value="embedded"),
            "several": gr.CheckboxGroup(["a", "b", "c"], value=["a", "b"]),
        }
        return Form(
            "classify",
            gr.Image(),
            gr.Textbox(),
            fields,
            [Example(KITTEN, "Kitten", {"text": "cat, dog"}), Example(DOG, "Dog", {"text": "a dog"})],
        )


@pytest.fixture(scope="module")
def forms(lab):
    """Those of the page's tabs, by their names."""
    made = []
    with pytest.MonkeyPatch.context() as patch, gr.Blocks(analytics_enabled=False):
        for tab in all_tabs():
            module = __import__(f"tabs.{tab.id}", fromlist=["Form"])
            if hasattr(module, "Form"):
                patch.setattr(module, "Form", lambda *given: made.append(Form(*given)) or made[-1])
            tab.build(lab)
    return {form.tab: form for form in made}


def values(form, **changes):
    return [changes.get(name, component.value) for name, component in form.fields.items()]


def said(query):
    assert query.startswith("?")
    return {name: found for name, (found,) in parse_qs(query[1:], keep_blank_values=True).items()}


def test_an_address_leaves_out_what_the_tab_opens_with(form):
    assert address(form, KITTEN, values(form)) == f"?tab=classify&picture={KITTEN}"
    changed = said(address(form, KITTEN, values(form, number=7, text="")))
    assert changed == {"tab": "classify", "picture": KITTEN, "number": "7", "text": ""}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"text": ODD},
        {"text": ""},
        {"number": 7},
        {"any": -2.5},
        {"yes": False},
        {"which": "2"},
        {"overlap": False},
        {"model": "other"},
        {"several": ["c", "a"]},
        {"several": []},
        {"text": ODD, "number": 1, "yes": False, "which": "2", "overlap": False, "model": "x/y", "several": ["b"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("source", [KITTEN, "gallery:rowing-boats-shore", ""])
def test_it_is_read_back_exactly(lab, form, source, changes):
    shown = values(form, **changes)
    path, named, *fields = opened(lab, form, address(form, source, shown))
    assert (named, fields) == (source, shown)
    assert sum(isinstance(value, bool) for value in fields) == 2
    assert path == picture(lab, source)
    assert (path is None) == (source == "")


def test_every_tab_is_read_back_exactly(lab, forms):
    """With each field set to something else than it opens with."""
    assert set(forms) == {"start", "classify", "ask", "segment", "search", "caption"}
    for form in forms.values():
        shown = [_other(component) for component in form.fields.values()]
        assert all(value != component.value for value, component in zip(shown, form.fields.values(), strict=True))
        for source in (DOG, ""):
            _, named, *fields = opened(lab, form, address(form, source, shown))
            assert (named, fields) == (source, shown), form.tab
            _, named, *fields = opened(lab, form, address(form, source, values(form)))
            assert named == source
            for (name, component), value in zip(form.fields.items(), fields, strict=True):
                assert value in (component.value, form.examples[0].values.get(name), gr.skip()), form.tab


def _other(component):
    if isinstance(component, gr.Textbox):
        return ODD
    if isinstance(component, gr.Slider):
        return component.maximum if component.value != component.maximum else component.minimum
    if isinstance(component, gr.Checkbox):
        return not component.value
    if isinstance(component, gr.CheckboxGroup):
        return component.value[1:]
    if isinstance(component, gr.Radio):
        return next(value for _, value in component.choices if value != component.value)
    return "another/name"


def test_every_example_is_what_its_own_address_brings(lab, forms):
    for form in forms.values():
        for example in form.examples:
            path, source = chosen(form, example)[:2]
            assert source == example.picture
            assert path is None or (EXAMPLES_FOLDER / example.picture).samefile(path)
            assert set(example.values) <= set(form.fields)
            shown = values(form, **example.values)
            again = opened(lab, form, address(form, source, shown))
            assert again[:2] == [path, source], form.tab
            assert [value for value in again[2:] if value != gr.skip()] == [
                value for value, kept in zip(shown, again[2:], strict=True) if kept != gr.skip()
            ]


@pytest.mark.parametrize("query", ["", "?", "?tab=classify", "?__theme=dark&tab=classify", "?view=api&unknown=1&=2&&"])
def test_the_tabs_name_alone_brings_the_first_example(lab, form, query):
    assert opened(lab, form, query) == chosen(form, form.examples[0])


def test_a_picture_of_ones_own_is_never_in_it(form, forms, lab):
    assert said(address(form, "", values(form, text="mine"))) == {"tab": "classify", "text": "mine"}
    for one in (form, *forms.values()):
        assert not said(address(one, "", values(one))).get("picture")
    path, source, *fields = opened(lab, form, address(form, "", values(form)))
    assert (path, source, fields) == (None, "", values(form)), "and no other stands in its place"


def test_a_picture_of_the_gallery_changes_nothing_else(lab, form):
    path, source, *fields = another(lab, form)
    assert path == picture(lab, source)
    assert fields == [gr.skip()] * len(form.fields)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        f"../examples/{KITTEN}",
        str(EXAMPLES_FOLDER / KITTEN),
        f"{KITTEN}\0",
        "gallery:nobody",
        "gallery:",
        "gallery:../../../etc/passwd",
        "https://example.org/x.png",
        ".",
        "*",
    ],
)
def test_a_name_of_no_picture_of_the_labs_brings_none(lab, form, name):
    assert opened(lab, form, "?" + urlencode({"picture": name}))[:2] == [None, ""]


LARGE = ("nan", "inf", "-inf", "1e999")


@pytest.mark.parametrize("number", ["many", "", "nan", "inf", "-inf", "1e999", "0", "11", "٣٣", "5 or 6", "0x5"])
def test_a_number_that_the_slider_has_not_leaves_it_as_it_is(lab, form, number):
    found = opened(lab, form, "?" + urlencode({"number": number, "any": number if number in LARGE else "word"}))
    assert found[2:] == values(form)


def test_a_choice_that_there_is_not_leaves_it_as_it_is(lab, form):
    found = opened(lab, form, "?which=3&overlap=perhaps&picture=")
    assert found[2:] == values(form)


def test_a_name_that_was_deleted_from_a_dropdown_is_read_as_none(lab, form):
    assert dict(zip(form.fields, opened(lab, form, address(form, KITTEN, values(form, model=None)))[2:], strict=True))[
        "model"
    ] in ("", None)


def test_a_hostile_address_is_cut_short(lab, form, monkeypatch):
    read = []
    monkeypatch.setattr(_links, "parse_qs", lambda text, **options: read.append(text) or parse_qs(text, **options))
    for query in ("?text=" + "x" * 2**20, "?" + "a=1&" * 2**18, "?text=%" + "%" * 2**20, "?text=\ud800\0&number=\0"):
        fields = opened(lab, form, query)[2:]
        assert len(fields) == len(form.fields)
        assert len(str(fields)) < 2 * _links.LONGEST
    assert max(map(len, read)) <= _links.LONGEST


def test_unknown_names_are_not_read(lab):
    form = SimpleNamespace(fields={}, examples=[Example("", "none", {})])
    assert opened(lab, form, "?__class__=1&fields=2&image=/etc/passwd") == [None, ""]
