# SPDX-License-Identifier: Apache-2.0

"""What the comparison of captions does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import gradio as gr
import PIL.Image

from core import images
from core.data.export import csv_text
from core.errors import UserError
from core.explain import alternatives, attribution
from core.results import Captioned
from core.tasks import captioning
from tabs._downloads import write_file
from tabs._jobs import downloaded, stoppable
from tabs._lab import Lab
from tabs._outputs import only
from tabs._shown import drawings, listed, sentence
from tabs._texts import texts
from tabs._values import as_text, lines, needed, titles
from web.inputs import file_name

SAID = texts("caption")
HEADER = ["picture", "method", "caption", "similarity"]
DEFAULT = ["ASIF", "MaGiC", "the language model, no picture"]
PUBLIC = ("answer", "note", "table", "download", "download_json", "code")  # what programs get


class Outputs(NamedTuple):
    table: Any
    numbers: Any
    answer: Any  # for programs: of each picture and method the captions with the numbers that decided
    download: Any
    download_json: Any
    shown: Any
    note: Any
    why: Any
    code: Any
    program: Any
    details: Any
    link: Any
    error: Any


class Pictures(NamedTuple):
    """What is captioned, files or one image, and what it is called."""

    sources: list[Any]
    titles: list[str]


def _noted(note: str) -> Outputs:
    return only(Outputs, note=note)


def caption_compare(
    lab: Lab,
    image: PIL.Image.Image | None,
    files: list[str] | None = None,
    methods: list[str] | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[Outputs]:
    """Captions of a picture, or of several files, by several methods. Gives a table, and as JSON for each picture and
    method the captions with the numbers that decided between them."""
    names = list(dict.fromkeys(methods or DEFAULT))
    pictures = _pictures(image, files)
    trained = [name for name in names if name not in captioning.METHODS]
    for name in trained:
        yield from downloaded(lab, name, progress, _noted)
    found = yield from stoppable(
        lambda step, stop: captioning.compare(lab.models, pictures.sources, names, step, stop),
        SAID.writing_captions,
        progress,
        _noted,
    )
    called = pictures.titles
    data = [[called[one.picture], one.method, one.caption, round(one.similarity, 4)] for one in found]
    captions = [_json(one, called[one.picture]) for one in found]
    first = images.read(pictures.sources[0]).image
    attention = captioning.attribution(lab.models, first, found)
    notes = {one.picture: one.note for one in found if one.note}
    if len(called) > 1:
        notes = {place: f"{as_text(called[place])}: {note}" for place, note in notes.items()}
    yield only(
        Outputs,
        shown=sentence(_likest(found).caption),
        **listed(HEADER, data),
        answer=captions,
        download=write_file("captions.csv", csv_text(HEADER, data)),
        download_json=write_file("captions.json", json.dumps(captions, indent=1)),
        note=lines(*notes.values(), _told_apart(found, names, len(called))),
        why=drawings(
            alternatives.drawing([one for one in found if one.picture == 0]),
            attribution.drawing(first, attention) if attention else None,
        ),
        code="\n\n".join(captioning.program(lab.models, name, called[0]) for name in trained),
        details=gr.Column(visible=True),
    )


def _likest(found: Sequence[Captioned]) -> Captioned:
    """The caption of the first picture that resembles it most."""
    return max((one for one in found if one.picture == 0), key=lambda one: one.similarity)


def _pictures(image: PIL.Image.Image | None, files: list[str] | None) -> Pictures:
    """The files if there are any, else the one picture."""
    if not files:
        image = needed(image)
        return Pictures([image], [file_name(image)])
    if len(files) > captioning.MAX_PICTURES:
        raise UserError(SAID("too_many", number=len(files), most=captioning.MAX_PICTURES))
    return Pictures(list(files), titles(files))


def _json(one: Captioned, title: str) -> dict[str, Any]:
    return {
        "picture": title,
        "method": one.method,
        "caption": one.caption,
        "similarity": round(one.similarity, 4),
        "captions": one.captions,
    }


def _told_apart(found: Sequence[Captioned], names: Sequence[str], pictures: int) -> str:
    """With several pictures: whose captions tell them apart."""
    if pictures < 2:
        return ""
    right = {name: sum(one.found for one in found if one.method == name) for name in names}
    listed = [
        SAID("told_apart_row", name=as_text(name), number=number, pictures=pictures) for name, number in right.items()
    ]
    return "\n".join([SAID.told_apart, *listed])
