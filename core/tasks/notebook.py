# SPDX-License-Identifier: Apache-2.0

"""The program that a page shows as a Jupyter notebook (nbformat 4.5) that gives the same answer wherever it is run: with an
install line, and with the picture in it."""

from __future__ import annotations

import ast
import base64
import html
import io
import json
import sys
import textwrap
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from core import images
from core.tasks._program import needs_lab, shown_path, without_heading

PACKAGES = {"PIL": "pillow"}  # where a package's name is not that of its module
LAB = """\
# The program uses VLM Lab's own code and files. Say where its folder is, the one with app.py (from `git clone`), unless this
# notebook lies in it.
import os
import sys

LAB = os.environ.get("VLM_LAB", ".")
if not os.path.isfile(os.path.join(LAB, "app.py")):
    raise FileNotFoundError("Set LAB, above, to the folder of VLM Lab: the one with app.py.")
os.chdir(LAB)
sys.path.insert(0, os.getcwd())"""
PICTURE = '''\
# The picture, as the model saw it: no pixel differs.
import base64
import tempfile
from pathlib import Path

{name} = Path(tempfile.mkdtemp()) / "{file}"
{name}.write_bytes(base64.b64decode("""
{data}
"""));'''


def notebook(
    program: str, title: str, about: str = "", link: str = "", pictures: Mapping[str, images.Source] | None = None
) -> str:
    """The text of an .ipynb file: what it answers and where it came from, the install line, the pictures, the program.

    `pictures` are those of the visitor's files that the program reads, by the name it was made with; the program then reads
    them from the notebook itself. `link` is the address of the same answer in the lab. Raises UserError for a picture that
    cannot be read, and ValueError for one that the program does not read."""
    code, cells = without_heading(program), list[str]()
    for number, (file, source) in enumerate((pictures or {}).items(), 1):
        name = "PICTURE" if len(pictures or {}) == 1 else f"PICTURE_{number}"
        if (quoted := repr(shown_path(file))) not in code:
            raise ValueError(f"the program does not read {file!r}")
        code = code.replace(quoted, name)
        cells.append(_picture_cell(name, source))
    install = f"%pip install -q {' '.join(packages(code))}"
    if needs_lab(code):
        cells, install = [LAB, *cells], "%pip install -q -r requirements.txt"
        cells.insert(1, install)
    else:
        cells.insert(0, install)
    return _ipynb(_introduction(title, about, link, needs_lab(code)), [*cells, code.strip()])


def packages(code: str) -> list[str]:
    """What pip calls the packages that a program imports, in its order."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            modules += [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.append(node.module.split(".")[0])
    outside = [module for module in dict.fromkeys(modules) if module not in sys.stdlib_module_names]
    return [PACKAGES.get(module, module) for module in outside]


def _introduction(title: str, about: str, link: str, lab: bool) -> str:
    parts = [f"# {_plain(title)}", _plain(about)]
    if link:
        address = urllib.parse.quote(link, safe=":/?&=#%+,;@~.-_")
        parts.append(f"Made by VLM Lab: [the same answer on its page]({address}).")
    parts.append(
        "It needs the folder of VLM Lab: the next cell looks for it."
        if lab
        else "It needs no more than the packages of the next cell; the model is downloaded when first used."
    )
    return "\n\n".join(part for part in parts if part)


def _plain(text: str) -> str:
    """Visitors' words on one line, without HTML."""
    return html.escape(" ".join(text.split()), quote=False)


def _picture_cell(name: str, source: images.Source) -> str:
    raw, kind = _file(source)
    data = "\n".join(textwrap.wrap(base64.b64encode(raw).decode("ascii"), 120))
    return PICTURE.format(name=name, file=f"{name.lower()}.{kind}", data=data)


def _file(source: images.Source) -> tuple[bytes, str]:
    """(content, suffix) of a file that a program reads as the lab reads the source: the visitor's own where it does, which
    is smallest, or else a PNG of the pixels."""
    image = images.read(source).image
    if not isinstance(source, Image.Image) and images.original_size(image) == image.size:
        raw = source if isinstance(source, bytes) else Path(source).read_bytes()
        opened = Image.open(io.BytesIO(raw), formats=images.FORMATS)
        seen = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
        if opened.format == "JPEG" and np.array_equal(seen, np.asarray(image)):
            return raw, "jpg"
    out = io.BytesIO()
    Image.fromarray(np.asarray(image)).save(out, "PNG")  # without what else the file held
    return out.getvalue(), "png"


def _ipynb(markdown: str, cells: list[str]) -> str:
    def cell(number: int, kind: str, source: str) -> dict[str, Any]:
        run: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
        return {
            "cell_type": kind,
            "id": f"cell-{number}",
            "metadata": {},
            "source": source.splitlines(keepends=True),
            **run,
        }

    whole = {
        "cells": [cell(0, "markdown", markdown), *(cell(n, "code", source) for n, source in enumerate(cells, 1))],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
