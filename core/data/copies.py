# SPDX-License-Identifier: Apache-2.0

"""The copies of pictures that a gallery keeps in its folder."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from core import images
from core.errors import Stopped, UserError, check_stop

log = logging.getLogger(__name__)

MAX_SIDE = 1024  # pixels of a copy's longer side; no model here looks at more


@dataclass(frozen=True)
class Copy:
    """What became of one file: the id under which it was copied, or a sentence that says why it was not. `note` is what its
    owner should know of a picture that was copied; "" if nothing."""

    id: str = ""
    refusal: str = ""
    note: str = ""


def copy_path(folder: Path, id: str) -> Path:
    """Where the copy of that id lies."""
    return folder / f"{id}.jpg"


def copy_picture(file: Path, folder: Path, stop: threading.Event | None = None) -> Copy:
    """Copy a picture into the folder, which is made if need be, as a JPEG of at most MAX_SIDE pixels to a side. The id comes
    from its pixels: equal pictures have one copy. Raises Stopped, before it reads anything and while it waits for room to
    decode, once `stop` is set; a picture that cannot be read or saved is told in the result. May run in many threads."""
    check_stop(stop)
    try:
        picture = images.read(file, stop=stop)
        id = images.pixel_key(picture.image)[:16]
        target = copy_path(folder, id)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
            try:
                images.thumbnail(picture.image, MAX_SIDE).save(part, "JPEG", quality=90)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
    except Stopped:
        raise
    except UserError as error:
        return Copy(refusal=str(error))
    except OSError:
        log.warning("a picture could not be copied into a gallery", exc_info=True)
        return Copy(refusal="The copy could not be saved: the disk may be full.")
    return Copy(id, note=picture.note)
