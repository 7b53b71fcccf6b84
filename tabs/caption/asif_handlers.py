# SPDX-License-Identifier: Apache-2.0

"""What the events of ASIF's part of the captions tab do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import gradio as gr
import PIL.Image

from core import images
from core.data import bank as banks
from core.data.export import csv_text
from core.data.galleries import Gallery
from core.engine import OnStep
from core.errors import UserError
from core.explain import anchors
from core.models.family import EMBEDDED
from core.results import AsifCaption
from core.tasks import asif
from tabs._downloads import write_file
from tabs._galleries import open_gallery
from tabs._jobs import downloaded, stoppable
from tabs._lab import Lab
from tabs._outputs import only
from tabs._shown import bars, drawings, listed, sentence
from tabs._texts import texts
from tabs._trust import line
from tabs._values import needed, whole
from web.inputs import file_name

SAID = texts("caption")
HEADER = ["caption", "score", "agreement"]
ALWAYS = ("bundled", "gallery", "mine")  # banks that are no kept gallery
FILE_BYTES = 30 * 2**20
MOST_LABELS = 50
Added = list[tuple[PIL.Image.Image, str]]
ANCHOR_WORDS = 200  # characters of what a visitor's own anchor stands for
PUBLIC = ("caption", "answer", "note", "table", "download", "code")  # what programs get


class Outputs(NamedTuple):
    caption: Any  # for programs
    answer: Any  # for programs: the anchors that picture and caption share, and their products
    shown: Any
    note: Any
    table: Any
    numbers: Any
    download: Any
    why: Any
    removed: Any
    code: Any
    program: Any
    details: Any
    link: Any
    error: Any


def _noted(note: str) -> Outputs:
    return only(Outputs, note=note)


def caption_asif(
    lab: Lab,
    image: PIL.Image.Image | None,
    bank: str = "bundled",
    k: float = asif.DEFAULT_K,
    p: float = asif.DEFAULT_P,
    model: str = EMBEDDED,
    own: str | None = None,
    removed: list[str] | None = None,
    leave_out: bool = True,
    added: list[Any] | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[Outputs]:
    """Choose a caption for a picture from a bank: "bundled", "gallery", the name of a kept gallery, or "mine" with a
    text file of one caption a line. Gives the caption and, as JSON, the anchors that it shares with the picture with
    both sides and products."""
    image, kept = needed(image), whole(k, "k")
    gallery = lab.bundled if bank in ALWAYS else open_gallery(lab, bank, None)
    edits = asif.Edits(_names(removed), tuple(added or ()))
    yield from downloaded(lab, model, progress, _noted)
    chosen = yield from stoppable(
        lambda step, stop: _bank(lab, bank, gallery, own, step, stop), SAID.reading_bank, progress, _noted
    )
    without = asif.own_caption(lab.models, gallery, image, model) if leave_out else ""
    found = yield from stoppable(
        lambda _, stop: asif.caption(lab.models, image, chosen, kept, float(p), edits, without, model, stop),
        SAID.scoring_bank,
        progress,
        _noted,
    )
    data = [[one.caption, round(one.score, 4), round(one.agreement, 4)] for one in found.best]
    names = dict.fromkeys([*edits.removed, *(anchor.name for anchor in found.evidence)])
    plain = bank == "bundled" and not (added or removed)  # what the program can say
    yield only(
        Outputs,
        caption=found.caption,
        shown=sentence(found.caption) + line(lab, model, "caption_asif.CIDEr"),
        answer=_json(found),
        **listed(HEADER, data),
        download=write_file("captions.csv", csv_text(HEADER, data)),
        why=drawings(anchors.drawing(found.picture, found.words, found.names, found.caption)),
        removed=gr.Dropdown(list(names), value=list(edits.removed), multiselect=True, allow_custom_value=True),
        code=asif.program(file_name(image), kept, float(p)) if plain else "",
        note=images.note(image),
        details=gr.Column(visible=True),
    )


def caption_again(lab: Lab, shown: str, *inputs: Any) -> Iterator[Outputs]:
    """After a change of settings: a new answer, once there is one."""
    if shown:
        yield from caption_asif(lab, *inputs)
    else:
        yield only(Outputs)


def add_anchor(lab: Lab, added: Added, picture: PIL.Image.Image | None, words: str) -> tuple[Added, str]:
    """The visitor's anchors with one more, and how many they are."""
    if len(added) >= asif.MAX_ADDED:
        raise UserError(SAID("too_many_anchors", most=asif.MAX_ADDED))
    added = [*added, asif.anchor(picture, (words or "")[:ANCHOR_WORDS])]
    return added, SAID("anchors_added", number=len(added))


def by_labels(lab: Lab, image: PIL.Image.Image | None, labels: str, k: float, p: float, model: str) -> str:
    """The score of each label by the same anchors, as HTML."""
    names = list(dict.fromkeys(label.strip() for label in (labels or "").split(",") if label.strip()))[:MOST_LABELS]
    if image is None or not names:
        raise UserError(SAID.nothing_to_score)
    found = asif.label_scores(lab.models, image, names, whole(k, "k"), float(p), model)
    return bars(sorted(zip(names, found, strict=True), key=lambda row: -row[1]), percent=False)


def _names(removed: Any) -> tuple[str, ...]:
    """The anchors to do without, which a program may have sent as anything."""
    if not isinstance(removed or [], list):
        raise UserError(SAID.removed_as_list)
    return tuple(str(name) for name in removed or [])


def _bank(lab: Lab, name: str, gallery: Gallery, own: str | None, step: OnStep, stop: Event) -> banks.Bank:
    if name == "bundled":
        return banks.shipped()
    if name != "mine":
        captions = list(dict.fromkeys(item.caption for item in gallery.items if item.caption))
        if not captions:
            raise UserError(SAID.no_captions)
        return banks.make(lab.models, captions, on_step=step, stop=stop)
    if not own:
        raise UserError(SAID.no_bank_file)
    return banks.make(lab.models, _captions(Path(own)), on_step=step, stop=stop)


def _captions(path: Path) -> Sequence[str]:
    if path.stat().st_size > FILE_BYTES:
        raise UserError(SAID("bank_too_large", megabytes=FILE_BYTES // 2**20))
    return banks.parse(path.read_text(encoding="utf-8", errors="replace"))


def _json(found: AsifCaption) -> dict[str, Any]:
    return {
        "caption": found.caption,
        "highest score": found.first,
        "best": [asdict(one) for one in found.best],
        "anchors": [anchor._asdict() for anchor in found.evidence],
    }
