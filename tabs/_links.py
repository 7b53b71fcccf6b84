# SPDX-License-Identifier: Apache-2.0

"""Addresses that bring an answer back: tab, example or gallery picture, words, model and settings.

A picture of a visitor's own is never in one. assets/page.js puts them into the address bar and opens them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

import gradio as gr

from core.assets import EXAMPLES_FOLDER
from core.images import read
from tabs._downloads import write_jpeg
from tabs._jobs import AT_OPENING
from tabs._lab import Lab, bind
from tabs._texts import texts

COMMON = texts("common")
LONGEST = 4_000  # characters of an address that are read
GALLERY = "gallery:"
THUMBNAIL_SIDE = 160  # pixels


@dataclass(frozen=True)
class Example:
    """A picture of assets/examples ("" for none) and the values of fields that go with it."""

    picture: str
    title: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Form:
    """What of a tab an address sets. `source` says which picture of the lab's is shown: an example's file, "gallery:ID", or
    "" for one of the visitor's own. The first example is what the tab opens with."""

    tab: str
    image: gr.Image
    source: gr.Textbox
    fields: Mapping[str, Any]
    examples: Sequence[Example]

    @property
    def components(self) -> list[Any]:
        return [self.image, self.source, *self.fields.values()]


def address(form: Form, source: str, values: Sequence[Any]) -> str:
    """The query for these values, without those that are as the tab opens with."""
    said = {"tab": form.tab, "picture": source}
    for (name, component), value in zip(form.fields.items(), values, strict=True):
        if value != component.value:
            said[name] = "\n".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    if not source and (len(said) > 2 or not form.examples[0].picture):
        del said["picture"]  # else it says that there is none: the tab's name alone would bring the first example
    return "?" + urlencode(said)


def opened(lab: Lab, form: Form, query: str) -> list[Any]:
    """The values of `form.components` for an address. One that names no more than the tab brings the first example."""
    asked = {name: values[0] for name, values in parse_qs(query.lstrip("?")[:LONGEST], keep_blank_values=True).items()}
    if not asked.keys() & {"picture", *form.fields}:
        return chosen(form, form.examples[0])
    source = asked.get("picture", "")
    path = picture(lab, source)
    values = [_value(component, asked.get(name)) for name, component in form.fields.items()]
    return [path, source if path else "", *values]


def chosen(form: Form, example: Example) -> list[Any]:
    """The values of `form.components` for an example."""
    path = str(EXAMPLES_FOLDER / example.picture) if example.picture else None
    values = [example.values.get(name, gr.skip()) for name in form.fields]
    return [path, example.picture, *values]


def another(lab: Lab, form: Form) -> list[Any]:
    """A picture of the gallery; all else as it is."""
    item = random.choice(lab.bundled.items)
    return [item.path, GALLERY + item.id, *(gr.skip() for _ in form.fields)]


def picture(lab: Lab, source: str) -> str | None:
    """The file of one of the lab's own pictures; None where there is none of that name."""
    if source.startswith(GALLERY):
        return next((str(item.path) for item in lab.bundled.items if item.id == source.removeprefix(GALLERY)), None)
    return next((str(path) for path in EXAMPLES_FOLDER.iterdir() if path.name == source), None)


def _value(component: Any, said: str | None) -> Any:
    """A field's value from the text in an address; the field's own where it is not there or cannot be read."""
    if said is None:
        return component.value
    if isinstance(component, gr.Slider | gr.Number):
        return _number(component, said)
    if isinstance(component, gr.Checkbox):
        return said == "True"
    if isinstance(component, gr.Radio):
        return next((value for _, value in component.choices if str(value) == said), component.value)
    if isinstance(component.value, list):
        return said.split("\n") if said else []
    return said


def _number(component: Any, said: str) -> Any:
    """Where it is none that the component takes, the component's own."""
    try:
        number = float(said)
    except ValueError:
        return component.value
    low, high = component.minimum, component.maximum
    taken = math.isfinite(number) and (low is None or low <= number) and (high is None or number <= high)
    return number if taken else component.value


def example_strip(form: Form) -> list[gr.Button]:
    """A button with a thumbnail for each example, and one for any picture of the gallery."""
    return [
        *(_thumbnail(one) for one in form.examples),
        gr.Button(COMMON.another_picture, elem_classes="thumbnail another", size="sm"),
    ]


def _thumbnail(example: Example) -> gr.Button:
    icon = write_jpeg(read(EXAMPLES_FOLDER / example.picture, THUMBNAIL_SIDE).image) if example.picture else None
    button = gr.Button(example.title, icon=icon, elem_classes="thumbnail", size="sm")
    if button.icon:
        button.keep_in_cache.add(button.icon["path"])  # else Gradio deletes it after an hour
    return button


def openings(lab: Lab, form: Form, strip: Sequence[gr.Button]) -> Any:
    """The event that fills the form: by an example, a picture of the gallery, or the address. An answer is to follow it. One
    for all of them, since Gradio's page takes time by the number of its events before it shows anything."""
    query = gr.Textbox(visible="hidden")
    opening = gr.Button(visible="hidden", elem_id=f"open-{form.tab}")
    buttons = [button._id for button in strip]

    def fill(lab: Lab, query: str, event: gr.EventData) -> list[Any]:
        clicked = event.target._id if event.target else None
        return filled(lab, form, buttons.index(clicked) if clicked in buttons else None, query)

    form.image.input(None, None, form.source, js="() => ''", api_visibility="private")  # now one of the visitor's own
    return gr.on(
        [button.click for button in (*strip, opening)],
        bind(lab, fill),
        query,
        form.components,
        js="() => [location.search]",
        **AT_OPENING,
    )


def filled(lab: Lab, form: Form, place: int | None, query: str) -> list[Any]:
    """The values of `form.components` after a click on the strip's button at this place; None is for the address."""
    if place is None:
        return opened(lab, form, query)
    return chosen(form, form.examples[place]) if place < len(form.examples) else another(lab, form)


def link_to(lab: Lab, form: Form, events: Sequence[Any], link: gr.Textbox) -> None:
    """After each of the events: the address of what is shown, which the page's script takes from there."""
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    for event in events:
        event.success(
            lambda source, *values: address(form, source, values),
            [form.source, *form.fields.values()],
            link,
            **private,
        ).success(None, link, None, js=f"(link) => window.lab.answered({form.tab!r}, link)", **private)
