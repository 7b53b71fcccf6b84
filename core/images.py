"""The one door through which a picture enters the lab.

Whatever comes in (a path, bytes or a PIL image), what goes on is an upright RGB image of a size that
the machine can afford. Dimensions are checked before a single pixel is decoded, and only the decoders
named in FORMATS are ever asked, so that a PostScript file named .png never reaches Ghostscript.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from core.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 50_000_000
MAX_ASPECT = 100  # a 1 x 10,000 strip holds nothing that a model could see

Source = str | Path | bytes | Image.Image


class Picture(NamedTuple):
    """An upright RGB image, and what had to be done to it that its owner should know ("" if nothing)."""

    image: Image.Image
    note: str


def read(source: Source) -> Picture:
    """Open, check and normalise one picture.

    Raises UserError when the file is no picture, is damaged, or is larger than the limits above.
    """
    image = source if isinstance(source, Image.Image) else _open(source)
    _check_size(image.width, image.height)
    frames = getattr(image, "n_frames", 1)
    try:
        image.seek(0)
        image = ImageOps.exif_transpose(image)
        image = _to_rgb(image)
    except Exception:
        raise UserError(
            "This picture is damaged or cut off: it could not be read to its end. Save it again and retry."
        ) from None
    return Picture(image, f"Only the first of {frames} frames is used." if frames > 1 else "")


def pixel_key(image: Image.Image) -> str:
    """A fingerprint of size, mode and pixels: equal for equal pictures whatever file they came in."""
    digest = hashlib.blake2b(f"{image.size}{image.mode}".encode(), digest_size=16)
    digest.update(image.tobytes())
    return digest.hexdigest()


def thumbnail(image: Image.Image, side: int) -> Image.Image:
    """A copy whose longer side is at most `side` pixels."""
    small = image.copy()
    small.thumbnail((side, side))
    return small


def _open(source: str | Path | bytes) -> Image.Image:
    try:
        raw = source if isinstance(source, bytes) else _read_bytes(Path(source))
        if len(raw) > MAX_BYTES:
            raise UserError(f"This file is larger than {MAX_BYTES // 2**20} MB. Save it smaller and try again.")
        return Image.open(io.BytesIO(raw), formats=FORMATS)
    except UserError:
        raise
    except Image.DecompressionBombError:
        raise _too_large() from None
    except Exception:
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


def _to_rgb(image: Image.Image) -> Image.Image:
    """RGB; transparency over white, because a cut-out's hidden pixels are often black or worse."""
    if image.mode.startswith("I") or image.mode == "F":  # Pillow's own conversion of 16-bit grey clips at 255
        values = np.asarray(image, dtype=np.float32)
        top = 65535.0 if image.mode.startswith("I") else max(float(values.max()), 1.0)
        return Image.fromarray((values.clip(0, top) * (255 / top)).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")
