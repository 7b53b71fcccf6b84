# SPDX-License-Identifier: Apache-2.0

"""Loads images: a path, bytes or a PIL image becomes an upright RGB image of at most KEPT_PIXELS pixels.

Dimensions are checked before a pixel is decoded, and only the decoders named in FORMATS are tried, so that a PostScript file
named .png never reaches Ghostscript.

Memory: full-size pixels exist only inside `read`, under one bound for the whole process (`limit_decoding`), and are freed
before it returns. Lists are read a few at a time (`read_batches`).
"""

from __future__ import annotations

import hashlib
import io
import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

# Registered here: Pillow imports decoders at first use, and of threads that do so at once one may find some missing.
from PIL import (  # noqa: F401
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from core.errors import Stopped, UserError, check_stop
from core.fifo import FifoSemaphore
from core.pixels import upright_rgb

log = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MAX_BYTES = 20 * 2**20  # of a file
MAX_PIXELS = 50_000_000  # of a file
MAX_ASPECT = 100  # longer side to shorter; a model could see nothing in a strip of 1 x 10,000 pixels
KEPT_PIXELS = 2048 * 2048  # the longer side is 2048 or more, and no model here reads more: SAM 1024, ViLT 1333
IMAGES_AT_ONCE = 4  # images of a list that are in memory at once

Source = str | Path | bytes | Image.Image
Size = tuple[int, int]  # width, height

_decoding = FifoSemaphore(512 * 2**20)  # bytes


class Picture(NamedTuple):
    """An upright RGB image, 8 bits a channel; a remark for its owner, a sentence or ""; and the size in pixels of the file
    when upright, which is larger than the image's own where that was scaled down."""

    image: Image.Image
    note: str
    size: Size


def limit_decoding(max_bytes: int) -> None:
    """Bound the bytes of full-size pixels that this process decodes at once, `max_bytes` >= 1. Other threads wait, first
    come, first served; an image that takes more than that is decoded alone."""
    _decoding.resize(max_bytes)


def read(source: Source, side: int | None = None, stop: threading.Event | None = None) -> Picture:
    """Open and check one image, turn it upright, make it RGB (transparent pixels white, of an animation the first frame), and
    scale it down to KEPT_PIXELS or, where a page needs no more, to a longer side of `side` pixels. Smaller ones keep every
    pixel.

    Raises UserError when the file is no image of FORMATS, is damaged, or is larger than the limits above; Stopped where
    `stop` is set while it waits for room to decode.
    """
    image = source if isinstance(source, Image.Image) else _open(source)
    _check_size(*image.size)
    if isinstance(source, Image.Image):
        return _of_memory(source, side)
    width, height = image.size
    try:
        frames = getattr(image, "n_frames", 1)  # reads the file to its end
        image.seek(0)
        target = _fitted(image.size, side)
        image.draft(image.mode, target)  # a JPEG is decoded at half, a quarter or an eighth where that is enough
        with _decoding.hold(_bytes_to_decode(image, width * height), stop):
            image.load()
            size = (height, width) if _lies_sideways(image) else (width, height)
            small = upright_rgb(image, target)
            image.close()
    except UserError:
        raise
    except Exception:
        log.info("an image could not be read", exc_info=True)
        raise UserError(
            "This picture is damaged or cut off: it could not be read to its end. Save it again and retry."
        ) from None
    note = f"Only the first of {frames} frames is used." if frames > 1 else ""
    return _described(small, note, size)


def read_batches(sources: Sequence[Source], stop: threading.Event | None = None) -> Iterator[list[Picture]]:
    """The images in order, in batches of IMAGES_AT_ONCE: keep no more of one than you need. Raises UserError that says which image of
    several it is about, and Stopped between two batches once `stop` is set."""
    for start in range(0, len(sources), IMAGES_AT_ONCE):
        check_stop(stop)
        batch: list[Picture] = []
        for number, source in enumerate(sources[start : start + IMAGES_AT_ONCE], start + 1):
            try:
                batch.append(read(source, stop=stop))
            except Stopped:
                raise
            except UserError as error:
                raise error if len(sources) == 1 else UserError(f"Picture {number}: {error}") from None
        yield batch


def original_size(image: Image.Image) -> Size:
    """(width, height) in pixels of the file that `read` made this image of; coordinates that people see are given in it."""
    size: Size = image.info.get("original size", image.size)
    return size


def note(image: Image.Image) -> str:
    """The remark that `read` made on this image; "" if none."""
    return str(image.info.get("note", ""))


def pixel_key(image: Image.Image) -> str:
    """A hash of size, mode and pixels as 32 hexadecimal digits: equal for equal images whatever file they came in."""
    digest = hashlib.blake2b(f"{image.size}{image.mode}".encode(), digest_size=16)
    digest.update(image.tobytes())
    return digest.hexdigest()


def thumbnail(image: Image.Image, side: int) -> Image.Image:
    """A copy whose longer side is at most `side` pixels; the proportions stay."""
    small = image.copy()
    small.thumbnail((side, side))
    return small


def _of_memory(image: Image.Image, side: int | None) -> Picture:
    """`read` for an image that is decoded already; the same image where `read` made it."""
    size = original_size(image)
    if "original size" in image.info and _fitted(image.size, side) == image.size:
        return Picture(image, note(image), size)
    if _lies_sideways(image):
        size = size[::-1]
    return _described(upright_rgb(image, _fitted(image.size, side)), note(image), size)


def _lies_sideways(image: Image.Image) -> bool:
    """Whether width and height change places when it is turned upright."""
    return image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)


def _described(image: Image.Image, note: str, size: Size) -> Picture:
    image.info = {"original size": size, "note": note}
    return Picture(image, note, size)


def _open(source: str | Path | bytes) -> Image.Image:
    try:
        raw = source if isinstance(source, bytes) else _read_bytes(Path(source))
        if len(raw) > MAX_BYTES:
            raise UserError(f"This file is larger than {MAX_BYTES // 2**20} MB. Save it smaller and try again.")
        return Image.open(io.BytesIO(raw), formats=FORMATS)
    except UserError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # the warning where it is made an error
        raise _too_large() from None
    except Exception:
        log.info("a file is no image", exc_info=True)
        raise UserError(f"This file is not a picture the lab can read. Use one of {', '.join(FORMATS)}.") from None


def _read_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise _too_large(width, height)
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UserError(
            f"This picture is {width} x {height} pixels: too thin to see anything in. Crop it and try again."
        )


def _too_large(*size: int) -> UserError:
    seen = f" ({size[0]} x {size[1]})" if size else ""
    return UserError(
        f"This picture has too many pixels{seen}; at most {MAX_PIXELS // 10**6} megapixels are read. Save it smaller and try again."
    )


def _fitted(size: Size, side: int | None) -> Size:
    """The size to scale down to."""
    width, height = size
    scale = (KEPT_PIXELS / (width * height)) ** 0.5 if side is None else side / max(size)
    return size if scale >= 1 else (max(1, int(width * scale)), max(1, int(height * scale)))


def _bytes_to_decode(image: Image.Image, pixels: int) -> int:
    """What decoding takes at its height, beyond what is kept: Pillow stores four bytes for a pixel; libwebp holds the canvas
    three times more; a progressive JPEG of so many `pixels` its coefficients, whatever it is scaled down to."""
    factor = 16 if image.format == "WEBP" else 8
    return factor * image.width * image.height + (6 * pixels if image.info.get("progressive") else 0)
