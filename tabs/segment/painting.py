# SPDX-License-Identifier: Apache-2.0

"""What is shown of masks, and the files they are downloaded as."""

from __future__ import annotations

import html
import json
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import PIL.Image

from core.explain import masks as drawing
from core.results import Segmentation
from core.tasks import segmentation
from tabs._downloads import write_file
from tabs._shown import listed
from tabs._texts import texts

SAID = texts("segment")
HEADER = ["prompt", "coverage", "box"]


def paint(
    picture: PIL.Image.Image, result: Segmentation, name: str, threshold: float, exclusive: bool, anyway: bool
) -> dict[str, Any]:
    """The painted picture; what is in it as words, JSON and a table; and both downloads, by the names of the outputs."""
    found = segmentation.masks(result, threshold, exclusive, anyway=anyway)
    absent = dict(zip(result.labels, result.absent or [None] * len(result.labels), strict=True))
    measured = [mask.row() for mask in found]
    pngs = [mask.png() for mask in found]
    names = [f"mask-{number:02d}.png" for number in range(1, len(pngs) + 1)]
    data = [
        [row["label"], f"{row['coverage']:.1%}", str(row["box"] or _nothing(absent[row["label"]]))] for row in measured
    ]
    return {
        "painted": drawing.overlay(picture, found),
        "answer": [{**row, "mask": _file(name, png)} for row, name, png in zip(measured, names, pngs, strict=True)],
        "shown": _legend(result.labels, measured, absent),
        **listed(HEADER, data),
        "download": write_file("masks.zip", _zip(names, pngs, result.labels)),
        "coco": write_file("masks.json", json.dumps(segmentation.coco(found, name))),
    }


def _legend(labels: list[str], measured: Sequence[dict[str, Any]], absent: Mapping[str, bool | None]) -> str:
    """Each prompt beside a square of the very colour it is painted in, and how much of the picture it covers."""
    squares = [
        f'<li class="key"><span style="background: {colour}"></span>{html.escape(label)}: {_covered(row, absent[label])}</li>'
        for (label, colour), row in zip(drawing.legend(labels), measured, strict=True)
    ]
    return f'<ul class="legend">{"".join(squares)}</ul>'


def _covered(row: dict[str, Any], absent: bool | None) -> str:
    return SAID("covers", share=row["coverage"]) if row["box"] else _nothing(absent)


def _nothing(absent: bool | None) -> str:
    return SAID.absent if absent else SAID.not_found


def _zip(names: Sequence[str], pngs: Sequence[bytes], labels: Sequence[str]) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, png in zip(names, pngs, strict=True):
            archive.writestr(name, png)
        archive.writestr("prompts.txt", "".join(f"{n}  {label}\n" for n, label in zip(names, labels, strict=True)))
    return packed.getvalue()


def _file(name: str, content: bytes) -> dict[str, Any]:
    """A file inside JSON, as Gradio's clients look for one."""
    return {"path": write_file(name, content), "orig_name": name, "meta": {"_type": "gradio.FileData"}}
