# SPDX-License-Identifier: Apache-2.0

"""Which galleries a visitor can choose from: the one that comes with the lab, kept ones, and one of his own."""

from __future__ import annotations

import PIL.Image

from core import images
from core.data.bundled import NAME as BUNDLED
from core.data.galleries import Gallery
from core.errors import UserError
from tabs._lab import Lab
from tabs._texts import texts

SAID = texts("galleries")
MINE = "mine"
THUMBNAIL_SIDE = 512  # pixels of a picture that is shown


def open_gallery(lab: Lab, name: str, mine: Gallery | None) -> Gallery:
    """The gallery of that name; raises UserError if there is none."""
    if name == BUNDLED:
        return lab.bundled
    if name == MINE:
        if mine is None:
            raise UserError(SAID.none_of_mine)
        return mine
    if lab.store is None:
        raise UserError(SAID("unknown", name=repr(str(name)[:80])))
    return lab.store.open(str(name))


def choices(lab: Lab, mine: Gallery | None) -> list[tuple[str, str]]:
    """(what is shown, name) of each. Without the kept ones while their place cannot be reached."""
    choices = [(SAID("bundled", number=len(lab.bundled)), BUNDLED)]
    if mine is not None and len(mine):
        choices.append((SAID("mine", number=len(mine)), MINE))
    try:
        kept = lab.store.names() if lab.store else []
    except UserError:
        kept = []
    return choices + [(name, name) for name in kept]


def thumbnail(path: str, side: int = THUMBNAIL_SIDE) -> PIL.Image.Image:
    return images.read(path, side).image
