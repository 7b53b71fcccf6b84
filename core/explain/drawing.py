# SPDX-License-Identifier: Apache-2.0

"""A picture of what decided an answer, and what it shows in words."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from io import BytesIO
from secrets import token_hex
from typing import Any

from matplotlib.figure import Figure

from core.explain import _style

JPEG_QUALITY = 80
MIN_PHOTO = 64  # pixels of the longer side: what is smaller is a map's cells, which JPEG would blur
TAG = re.compile(r"<[^>]*>")  # what was typed has no angle bracket left
FURNITURE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)
STYLE = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)  # of every element, so of the whole page
FONT = re.compile(r"font-family: (?:&\w+;|[^;\"])*;?")
OWN = re.compile(r'(?<= id=")|(?<=url\(#)|(?<=href="#)')
PICTURE = re.compile(r'href="data:image/png;base64,\s*([^"]*)"')
SIZE = re.compile(r'viewBox="[^"]*"')
NO_METADATA: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@dataclass(frozen=True)
class Drawing:
    """`finding` says in one or two plain sentences what the figure shows, with its figures: whoever cannot see it reads
    that instead."""

    figure: Figure
    finding: str

    def svg(self) -> str:
        """To stand in a page as it is: as wide as its place there, on the page's ground, in its font and the colour of its
        text. Its ids are its own each time: one drawing may stand in two places, and what a hidden one defines is not drawn."""
        text = STYLE.sub("", self._written(transparent=True))
        prefix = f"d{token_hex(5)}-"
        opening, _, inside = text.partition(">")
        size = SIZE.search(opening)
        assert size
        words = html.escape(" ".join(self.finding.split()))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size[0]} class="drawing" role="img" aria-label="{words}"'
            ' style="fill: currentColor; stroke-linejoin: round; stroke-linecap: butt">'
            + TAG.sub(lambda tag: _inline(tag[0], prefix), inside)
        )

    def file(self) -> bytes:
        """A file of its own in SVG: black on white, at its own size, titled with the finding."""
        text = TAG.sub(lambda tag: _lighter(tag[0]), self._written(transparent=False))
        opening, closed, inside = text.partition(">")
        title = f"<title>{html.escape(self.finding)}</title>"
        return f'<?xml version="1.0" encoding="utf-8"?>\n{opening}{closed}{title}{inside}'.encode()

    def _written(self, transparent: bool) -> str:
        """As matplotlib writes it, from `<svg` on, without what names other hosts."""
        buffer = BytesIO()
        self.figure.savefig(buffer, format="svg", transparent=transparent, metadata=NO_METADATA)
        return FURNITURE.sub("", buffer.getvalue().decode()).strip() + "\n"


def _inline(tag: str, prefix: str) -> str:
    tag = FONT.sub("", _lighter(tag).replace("xlink:href", "href")).replace(_style.INK, "currentColor")
    return OWN.sub(prefix, tag)


def _lighter(tag: str) -> str:
    """The tag, its picture as JPEG where that is smaller."""
    found = PICTURE.search(tag) if tag.startswith("<image") else None
    if not found:
        return tag
    from PIL import Image

    png = base64.b64decode(found[1])
    picture = Image.open(BytesIO(png)).convert("RGBA")
    if max(picture.size) < MIN_PHOTO or picture.getchannel("A").getextrema() != (255, 255):
        return tag
    packed = BytesIO()
    picture.convert("RGB").save(packed, "JPEG", quality=JPEG_QUALITY)
    if packed.tell() >= len(png):
        return tag
    data = base64.b64encode(packed.getvalue()).decode()
    return tag.replace(found[0], f'href="data:image/jpeg;base64,{data}"').replace(
        "image-rendering:crisp-edges;image-rendering:pixelated", ""
    )
