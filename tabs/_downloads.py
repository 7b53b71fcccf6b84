# SPDX-License-Identifier: Apache-2.0

"""Files for a visitor to download, in Gradio's cache, which is cleared of what is an hour old."""

from __future__ import annotations

from io import BytesIO

import PIL.Image
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder


def write_file(name: str, content: str | bytes) -> str:
    """The path of a new file of this name; text is written as UTF-8."""
    raw = content.encode() if isinstance(content, str) else content
    path: str = save_bytes_to_cache(raw, name, get_upload_folder())
    return path


def write_jpeg(image: PIL.Image.Image) -> str:
    """The path of a small picture."""
    return write_file("picture.jpg", jpeg(image))


def jpeg(image: PIL.Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
