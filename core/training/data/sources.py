# SPDX-License-Identifier: Apache-2.0

"""Examples from a zip in the ImageFolder format of `datasets`, or from a dataset on the hub.

`datasets` reads both, but decodes no picture: core/images.py does, within its limits, and each picture is saved to a file. No code of
a dataset is run: of a zip only pictures and metadata are unpacked, and `datasets` runs no loading scripts any more.
"""

from __future__ import annotations

import logging
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

log = logging.getLogger(__name__)

METADATA = ("metadata.csv", "metadata.jsonl")
# Names of columns on the hub, by the field of `Example` that they are read into; the first that a row has a value for counts.
TEXTS = {
    "text": ("text", "caption", "captions", "sentences"),
    "question": ("question",),
    "answer": ("answer", "answers", "multiple_choice_answer"),
    "label": ("label", "labels"),
}
PICTURES = {"image": ("image", "img", "picture"), "mask": ("mask", "segmentation")}
HUB_ROWS = 1_000  # examples of a dataset on the hub where no number is given
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def from_zip(archive: Path, into: Path, on_step: OnStep | None = None) -> list[Example]:
    """An example for each row of metadata.csv or metadata.jsonl; without either one for each picture, with its folder's name as the
    label. Pictures of at most MAX_SIDE pixels to a side are saved in `into`; one that is missing or cannot be read leaves `image`
    empty. `on_step` is told (rows read, rows in all). Raises UserError for an archive or metadata that cannot be read."""
    with TemporaryDirectory(prefix="vlm-lab-zip-") as place:
        tree = Path(place, "tree")
        _lay_out(unpack(archive, Path(place, "flat"), whole=True), tree)
        rows, features = _image_folder(tree, Path(place, "cache"))
        return _examples(rows, len(rows), features, into, on_step, tree)


def from_hub(id: str, into: Path, rows: int = HUB_ROWS, on_step: OnStep | None = None) -> list[Example]:
    """Examples of the first `rows` rows of a dataset's `train` split, or of its first split where there is none of that name. `id`
    is "owner/name". Pictures are saved in `into` as by `from_zip`. Raises UserError when the dataset cannot be had."""
    if not HUB_ID.fullmatch(id) or Path(id).exists():  # `datasets` would take a folder of this name instead
        raise UserError("Name the data on the hub as hub:owner/name.")
    try:
        datasets = _datasets()
        parts = datasets.load_dataset(id, streaming=True)
        part = _undecoded(parts["train" if "train" in parts else next(iter(parts))])
        return _examples(part.take(rows), rows, part.features, into, on_step)
    except UserError:
        raise
    except Exception as error:  # no network, no such dataset, a private one, or a format that is not read
        log.warning("the dataset %s could not be fetched: %s", id, type(error).__name__)  # texts may hold addresses
        raise UserError(
            f"The dataset {id} could not be fetched from the hub. Check the name and the network; or upload a zip, or take the bundled gallery, which needs no network."
        ) from None


def _lay_out(files: Mapping[Path, str], tree: Path) -> None:
    """Move the unpacked files to their paths in the zip: metadata name pictures by these, and folders are labels. Raises UserError for
    paths that the disk does not take, and for metadata of more than MAX_BYTES."""
    tree.mkdir()
    try:
        for path, name in files.items():
            base = name.rpartition("/")[2].lower()
            if base in METADATA and path.stat().st_size > MAX_BYTES:
                raise UserError(f"{base} is larger than {MAX_BYTES // 2**20} MB. Split the data.")
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    except OSError as error:
        log.info("a zip could not be laid out: %s", type(error).__name__)
        raise UserError("Some names in this zip are too long, or both a file and a folder. Rename them.") from None


def _image_folder(tree: Path, cache: Path) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
    """(rows, features by column) of a folder in ImageFolder format. Raises UserError where it is not."""
    try:
        found = _datasets().load_dataset(
            "imagefolder", data_files={"train": str(tree / "**")}, split="train", cache_dir=str(cache)
        )
        part = _undecoded(found)
        return list(part), part.features
    except Exception:  # its errors speak of Arrow and of folders here
        log.info("a zip could not be read as an ImageFolder", exc_info=True)
        raise UserError(
            "This zip is no ImageFolder: it wants pictures, and metadata.csv or metadata.jsonl whose column `file_name` names them, with values of one kind in each column; or one folder for each label."
        ) from None


def _undecoded(part: Any) -> Any:
    """The same rows with pictures as bytes or paths: `datasets` would decode any format that Pillow knows, at any size."""
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
    """An example for each of `rows`, of which there are `count` at most. `tree` is the folder that their paths must lie in."""
    into.mkdir(parents=True, exist_ok=True)
    found = []
    for number, row in enumerate(rows):
        texts = {name: _text(row, columns, features or {}) for name, columns in TEXTS.items()}
        pictures = dict.fromkeys(PICTURES, "")
        for name, columns in PICTURES.items():
            with suppress(UserError):
                picture = images.thumbnail(images.read(_bytes(_first(row, columns), tree)).image, MAX_SIDE)
                pictures[name] = _save(picture, into / f"{number:05d}-{name}")
        found.append(Example(**texts, **pictures))
        if on_step:
            on_step(number + 1, count)
    return found


def _first(row: Mapping[str, Any], columns: Iterable[str]) -> Any:
    """The value of the first column that the row has one for, or None."""
    return next((row[column] for column in columns if row.get(column) is not None), None)


def _text(row: Mapping[str, Any], columns: Iterable[str], features: Mapping[str, Any]) -> str:
    """The first of several captions or answers; of a class index its name by `features`. "" for a text that is too long."""
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
    """The encoded picture, of which at most one byte more is read than core/images.py takes. Raises UserError where there is none."""
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
    except (OSError, ValueError) as error:
        log.info("a picture of a dataset could not be read: %s", type(error).__name__)
    raise UserError("There is no such picture.")


def _save(picture: Image, path: Path) -> str:
    """The path of the new file: JPEG, as galleries keep pictures; for a mask PNG, white where it is at least half as bright as its
    brightest pixel, so that masks of 0 and 1 are read like those of 0 and 255."""
    if path.name.endswith("mask"):
        grey = picture.convert("L")
        threshold = max(1, max(grey.tobytes())) / 2
        grey.point([255 if value >= threshold else 0 for value in range(256)]).save(path.with_suffix(".png"))
        return str(path.with_suffix(".png"))
    picture.save(path.with_suffix(".jpg"), "JPEG", quality=90)
    return str(path.with_suffix(".jpg"))


def _datasets() -> Any:
    import datasets

    datasets.disable_progress_bars()
    return datasets
