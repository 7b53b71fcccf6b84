# SPDX-License-Identifier: Apache-2.0

"""One mask of one picture, small in memory: as run lengths."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.bool_]


@dataclass(frozen=True)
class Mask:
    """Where in a picture of `size` (width, height) is what `label` names. `counts` are COCO's compressed run lengths, as
    pycocotools writes them: some kilobytes in the place of a byte for each pixel."""

    label: str
    size: tuple[int, int]
    counts: bytes = field(repr=False)

    @classmethod
    def of(cls, label: str, pixels: Pixels) -> Mask:
        """From [height, width]; quickest where columns lie together in memory (order "F")."""
        from pycocotools import mask as coco

        height, width = pixels.shape
        written = coco.encode(np.asfortranarray(pixels).view(np.uint8))
        return cls(label, (width, height), written["counts"])

    def pixels(self) -> Pixels:
        """[height, width]. Made anew at each call."""
        from pycocotools import mask as coco

        found: Pixels = coco.decode(self.rle).view(np.bool_)
        return found

    @property
    def rle(self) -> dict[str, Any]:
        """As pycocotools takes it."""
        return {"size": list(self.size[::-1]), "counts": self.counts}

    @property
    def area(self) -> int:
        """In pixels."""
        from pycocotools import mask as coco

        return int(coco.area(self.rle))

    @property
    def coverage(self) -> float:
        """The share of the picture, 0..1."""
        return self.area / (self.size[0] * self.size[1])

    @property
    def box(self) -> list[int] | None:
        """[x0, y0, x1, y1] around it in pixels, x1 and y1 exclusive; None where nothing was found."""
        from pycocotools import mask as coco

        if not self.area:
            return None
        x, y, width, height = (int(n) for n in coco.toBbox(self.rle))
        return [x, y, x + width, y + height]

    def row(self) -> dict[str, Any]:
        """Its label, coverage and box."""
        return {"label": self.label, "coverage": round(self.coverage, 6), "box": self.box}

    def png(self) -> bytes:
        """A file of black and white pixels, white where it is."""
        out = BytesIO()
        Image.fromarray(np.ascontiguousarray(self.pixels())).save(out, "PNG")
        return out.getvalue()
