# SPDX-License-Identifier: Apache-2.0

"""Examples out of a zip in the ImageFolder convention of `datasets`, or out of a set on the hub.

Both are read by `datasets`, which hands on rows whose pictures it has not opened: core/images.py reads them, and they are kept
as files. Nothing of a set is ever run: a zip gives up pictures and metadata only, and `datasets` has no code of others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL.Image import Image

from core import images
from core.data.galleries import MAX_SIDE
from core.data.uploads import unpack
from core.engine import OnStep
from core.errors import UserError
from core.images import MAX_BYTES
from core.text import clean_text
from core.training.data.example import Example

METADATA = ("metadata.csv", "metadata.jsonl")
# The names that sets on the hub have for the same thing; the first of them that a set has is read.
TEXTS = {
    "text": ("text", "caption", "captions", "sentences"),
    "question": ("question",),
    "answer": ("answer", "answers", "multiple_choice_answer"),
    "label": ("label", "labels"),
}
PICTURES = {"image": ("image", "img", "picture"), "mask": ("mask", "segmentation")}
HUB_ROWS = 1_000
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def from_zip(archive: Path, into: Path, on_step: OnStep | None = None) -> list[Example]:
    """Rows of metadata.csv or .jsonl, or without them a row for each picture, its folder as the label. A picture that is not
    there or cannot be read leaves `image` empty. Raises UserError for an archive or metadata that cannot be read."""
    with TemporaryDirectory(prefix="vlm-lab-zip-") as place:
        tree = Path(place, "tree")
        _lay_out(unpack(archive, Path(place, "flat"), whole=True), tree)
        rows, features = _image_folder(tree, Path(place, "cache"))
        return _examples(rows, len(rows), features, into, on_step, tree)


def from_hub(id: str, into: Path, rows: int = HUB_ROWS, on_step: OnStep | None = None) -> list[Example]:
    """The first `rows` of the training part of a set on the hub, or of its first part where none is called so. Raises UserError
    when it cannot be had."""
    if not HUB_ID.fullmatch(id) or Path(id).exists():  # `datasets` would take a folder of this name instead
        raise UserError("Name the data on the hub as hub:owner/name.")
    try:
        datasets = _datasets()
        parts = datasets.load_dataset(id, streaming=True)
        part = _unopened(parts["train" if "train" in parts else next(iter(parts))])
        return _examples(part.take(rows), rows, part.features, into, on_step)
    except UserError:
        raise
    except Exception:  # no network, no such set, private, a form that nobody reads: the next step is the same
        raise UserError(
            f"The data {id} could not be fetched from the hub. Check the name and the network; or upload a zip, or take the bundled gallery, which needs no network."
        ) from None


def _lay_out(files: Mapping[Path, str], tree: Path) -> None:
    """Give the unpacked files their folders back: metadata name pictures by them, and they can be labels."""
    tree.mkdir()
    try:
        for path, name in files.items():
            base = name.rpartition("/")[2].lower()
            if base in METADATA and path.stat().st_size > MAX_BYTES:
                raise UserError(f"{base} is larger than {MAX_BYTES // 2**20} MB. Split the data.")
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    except OSError:
        raise UserError("Some names in this zip are too long, or both a file and a folder. Rename them.") from None


def _image_folder(tree: Path, cache: Path) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
    try:
        found = _datasets().load_dataset(
            "imagefolder", data_files={"train": str(tree / "**")}, split="train", cache_dir=str(cache)
        )
        part = _unopened(found)
        return list(part), part.features
    except Exception:  # its errors speak of Arrow and of folders here
        raise UserError(
            "This zip is no ImageFolder: it wants pictures, and metadata.csv or metadata.jsonl whose column `file_name` names them, with values of one kind in each column; or one folder for each label."
        ) from None


def _unopened(part: Any) -> Any:
    """The same rows with pictures as bytes or paths: `datasets` would open any format that Pillow knows."""
    kind = _datasets().Image
    for name, feature in (part.features or {}).items():
        if isinstance(feature, kind):
            part = part.cast_column(name, kind(decode=False))
    return part


def _examples(
    rows: Iterable[Mapping[str, Any]],
    count: int,
    features: Mapping[str, Any] | None,
    into: Path,
    on_step: OnStep | None,
    tree: Path | None = None,
) -> list[Example]:
    """Of at most `count` rows."""
    into.mkdir(parents=True, exist_ok=True)
    found = []
    for number, row in enumerate(rows):
        texts = {name: _text(row, columns, features or {}) for name, columns in TEXTS.items()}
        pictures = dict.fromkeys(PICTURES, "")
        for name, columns in PICTURES.items():
            with suppress(UserError):
                picture = images.thumbnail(images.read(_bytes(_first(row, columns), tree)).image, MAX_SIDE)
                pictures[name] = _kept(picture, into / f"{number:05d}-{name}")
        found.append(Example(**texts, **pictures))
        if on_step:
            on_step(number + 1, count)
    return found


def _first(row: Mapping[str, Any], columns: Iterable[str]) -> Any:
    return next((row[column] for column in columns if row.get(column) is not None), None)


def _text(row: Mapping[str, Any], columns: Iterable[str], features: Mapping[str, Any]) -> str:
    """Of several captions or answers the first; a label's number by its name. "" for a text that is too long."""
    column = next((column for column in columns if row.get(column) is not None), "")
    value = row.get(column)
    while isinstance(value, list | tuple | dict):
        value = next(iter(value.values() if isinstance(value, dict) else value), None)
    names = getattr(features.get(column), "names", None)
    if names and isinstance(value, int):
        value = names[value] if 0 <= value < len(names) else None
    with suppress(UserError):
        return clean_text("" if value is None else str(value)).strip()
    return ""


def _bytes(value: Any, tree: Path | None) -> bytes:
    """A picture's file, at most as much of it as core/images.py reads. Raises UserError where there is none."""
    value = value if isinstance(value, dict) else {}
    if value.get("bytes"):
        return bytes(value["bytes"])
    path = str(value.get("path") or "")
    try:
        if tree is not None:
            inside = Path(path).resolve()
            if not inside.is_relative_to(tree.resolve()):  # metadata can name any file of this machine
                raise UserError("The picture lies outside the zip.")
            with inside.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        if "hf://datasets/" in path:
            import fsspec  # type: ignore[import-untyped]

            with fsspec.open(path, "rb") as file:
                return bytes(file.read(MAX_BYTES + 1))
    except (OSError, ValueError):
        pass
    raise UserError("There is no such picture.")


def _kept(picture: Image, path: Path) -> str:
    """Its file: as the galleries keep pictures; a mask exact, and white where it is at least half as bright as can be, so that
    masks of 0 and 1 can be seen too."""
    if path.name.endswith("mask"):
        grey = picture.convert("L")
        half = max(1, max(grey.tobytes())) / 2
        grey.point([255 if value >= half else 0 for value in range(256)]).save(path.with_suffix(".png"))
        return str(path.with_suffix(".png"))
    picture.save(path.with_suffix(".jpg"), "JPEG", quality=90)
    return str(path.with_suffix(".jpg"))


def _datasets() -> Any:
    import datasets

    datasets.disable_progress_bars()
    return datasets
