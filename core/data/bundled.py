# SPDX-License-Identifier: Apache-2.0

"""The gallery that comes with the lab: read-only, its vectors by the embedded model computed beforehand."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from core.assets import GALLERY_FOLDER
from core.data.galleries import Gallery, Item, Space, Vectors
from core.models.catalog import revision
from core.models.family import EMBEDDED

log = logging.getLogger(__name__)

NAME = "bundled"


def bundled(folder: Path = GALLERY_FOLDER) -> Gallery:
    """The pictures that captions.csv lists (columns file, caption, ...); ids are the files' stems.

    Call it once and share it. Vectors beside it are used only if they were made of these very captions and
    pictures' names; otherwise, as for every other model, they are computed when first asked for.
    """
    with (folder / "captions.csv").open(encoding="utf-8-sig", newline="") as file:
        listed = [(folder / "pictures" / row["file"], row["caption"].strip()) for row in csv.DictReader(file)]
    items = [Item(path.stem, str(path), caption) for path, caption in listed if path.is_file()]
    gallery = Gallery(NAME, folder / "pictures", items, read_only=True)
    for kind, rows in _precomputed(folder, items).items():
        gallery.put(Space(kind, EMBEDDED, revision(EMBEDDED)), rows)
    return gallery


def fingerprint(folder: Path = GALLERY_FOLDER) -> str:
    """SHA-256 of captions.csv, whatever line ends git gave it."""
    return hashlib.sha256((folder / "captions.csv").read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def _precomputed(folder: Path, items: list[Item]) -> dict[str, Mapping[str, Vectors]]:
    """{"image": ..., "caption": ...} by item id, or {} when they are absent, unreadable or of another gallery."""
    import numpy as np
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / "vectors.safetensors", "np") as file:
            facts = file.metadata() or {}
            rows = {kind: file.get_tensor(kind).astype(np.float32) for kind in ("image", "caption")}
        ids = {"image": json.loads(facts["ids"]), "caption": json.loads(facts["caption_ids"])}
    except (OSError, SafetensorError, KeyError, ValueError):
        log.info("there are no vectors beside the gallery, or they cannot be read", exc_info=True)
        return {}
    expected = {"image": [item.id for item in items], "caption": [item.id for item in items if item.caption]}
    whole = all(len(rows[kind]) == len(ids[kind]) for kind in rows)
    if facts.get("fingerprint") != fingerprint(folder) or ids != expected or not whole:
        log.warning("the vectors beside the gallery are of another one: its pictures are embedded anew")
        return {}
    return {kind: dict(zip(ids[kind], rows[kind], strict=True)) for kind in rows}
