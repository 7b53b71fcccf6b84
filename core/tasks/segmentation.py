"""Segmentation: where in the picture is what a phrase names (CLIPSeg, arXiv 2112.10003)?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL.Image import Image

from core.errors import UserError
from core.models.abilities import ImagePrompted, Segmenter
from core.models.inference import Models
from core.results import Segmentation
from core.tasks import TASKS, Task
from core.text import clean_text

TASK = TASKS.register("segmentation", Task("segmentation", "where is what a phrase names", Segmenter))

THRESHOLD = 0.5
MAX_PROMPTS, PROMPT_LENGTH = 16, 200
Masks = NDArray[np.bool_]
Probabilities = NDArray[np.float32]


def parse_prompts(text: str) -> list[str]:
    """Prompts one a line or separated by commas, trimmed, without duplicates, in the order given."""
    if len(text or "") > MAX_PROMPTS * PROMPT_LENGTH:
        raise UserError(f"That is {len(text):,} characters; at most {MAX_PROMPTS * PROMPT_LENGTH:,} are read here.")
    prompts = [prompt.strip() for prompt in re.split(r"[\n,]", clean_text(text or ""))]
    prompts = list(dict.fromkeys(prompt for prompt in prompts if prompt))
    if not prompts:
        raise UserError("Say what to cut out, one a line or separated by commas: for example “a cat, a blanket”.")
    if len(prompts) > MAX_PROMPTS:
        raise UserError(f"That is {len(prompts)} prompts; at most {MAX_PROMPTS} are cut out at once. Remove some.")
    if max(map(len, prompts)) > PROMPT_LENGTH:
        raise UserError(f"A prompt has more than {PROMPT_LENGTH} characters. Put prompts on lines of their own.")
    return prompts


def segment(models: Models, name: str, image: Image | None, prompts: Sequence[str]) -> Segmentation:
    """A probability map for each prompt. The picture is looked at once: further prompts on it are cheap."""
    prompts = parse_prompts("\n".join(prompts))
    encoding = models.encode(name, _there(image))
    return _result(prompts, image, models.call(name, "segment", encoding, prompts))


def segment_like(
    models: Models, name: str, image: Image | None, example: Image | None, box: Sequence[float] | None = None
) -> Segmentation:
    """The same for what an example picture shows, or what lies in its box (x0, y0, x1, y1, in pixels)."""
    if not issubclass(models.catalog.adapter(name), ImagePrompted):
        raise UserError(f"{name} takes phrases only. Choose another model for an example picture.")
    if example is None:
        raise UserError("Choose the example picture, too: what it shows is looked for.")
    if box is not None:
        example = _crop(example, box)
    encoding = models.encode(name, _there(image))
    return _result(["like the example"], image, models.call(name, "segment_like", encoding, [example]))


def refine(
    models: Models,
    name: str,
    image: Image | None,
    result: Segmentation,
    label: str,
    points: Sequence[tuple[float, float, bool]] = (),
    box: Sequence[float] | None = None,
) -> Segmentation:
    """The result with one prompt's map drawn anew by a Refiner (SAM) from clicks (x, y, on the thing?) and a box
    (x0, y0, x1, y1), all in pixels of the picture."""
    if label not in result.labels:
        raise UserError("Choose which prompt's mask to refine.")
    corners = tuple(float(n) for n in box) if box else None
    logits = models.call(name, "refine", models.encode(name, _there(image)), list(points), corners).numpy()
    drawn = _sigmoid(logits)
    height, width = drawn.shape
    maps = np.stack([_enlarge(map_, (width, height)) for map_ in result.probabilities])
    maps[result.labels.index(label)] = drawn
    return replace(result, probabilities=maps)


def masks(result: Segmentation, threshold: float = THRESHOLD, exclusive: bool = False) -> Masks:
    """[n, height, width] at the picture's size: where the probability is at least `threshold`; if `exclusive`, each
    pixel belongs to the likeliest prompt alone."""
    if not 0 <= threshold <= 1:  # also turns away NaN
        raise UserError("The threshold is a probability: choose a number between 0 and 1.")
    full = np.stack([_enlarge(map_, result.size) for map_ in result.probabilities])
    found: Masks = full >= threshold
    if exclusive:
        found &= full.argmax(0) == np.arange(len(full))[:, None, None]
    return found


def things(result: Segmentation, found: Masks) -> list[dict[str, Any]]:
    """For each prompt its label, its coverage (share of the picture, 0..1) and the box around it as
    [x0, y0, x1, y1] in pixels, x1 and y1 exclusive, or None where nothing was found."""
    rows = []
    for label, mask in zip(result.labels, found, strict=True):
        ys, xs = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
        box = [int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1] if len(ys) else None
        rows.append({"label": label, "coverage": round(float(mask.mean()), 6), "box": box})
    return rows


def coco(result: Segmentation, found: Masks, file_name: str) -> dict[str, Any]:
    """The masks in COCO's format: a category for each prompt, one annotation each, uncompressed RLE."""
    width, height = result.size
    annotations = [
        {
            "id": i + 1,
            "image_id": 1,
            "category_id": i + 1,
            "iscrowd": 1,  # how COCO marks a mask that is not a polygon around one thing
            "area": int(mask.sum()),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "segmentation": {"size": [height, width], "counts": rle(mask)},
        }
        for i, (mask, row) in enumerate(zip(found, things(result, found), strict=True))
        if row["box"]
        for x0, y0, x1, y1 in [row["box"]]
    ]
    return {
        "images": [{"id": 1, "file_name": file_name, "width": width, "height": height}],
        "categories": [{"id": i + 1, "name": label} for i, label in enumerate(result.labels)],
        "annotations": annotations,
    }


def rle(mask: NDArray[np.bool_]) -> list[int]:
    """COCO's uncompressed run lengths: down the columns, beginning with a run of zeros, which may be empty."""
    runs = [(value, len(list(run))) for value, run in groupby(mask.T.ravel().tolist())]
    return ([0] if runs and runs[0][0] else []) + [length for _, length in runs]


def parse_box(text: str) -> list[float] | None:
    """ "x0, y0, x1, y1" in pixels, or None for an empty text."""
    if not (text or "").strip():
        return None
    numbers = re.findall(r"-?\d+(?:\.\d+)?", text[:200])
    if len(numbers) != 4:
        raise UserError("Write the box as four numbers: left, top, right, bottom, in pixels. Or leave it empty.")
    return [float(number) for number in numbers]


def program(models: Models, name: str, file: str, prompts: Sequence[str]) -> str:
    """The shortest program on `transformers` that gives the same maps, as text."""
    adapter, spec = models.catalog.adapter(name), models.catalog.spec(name)
    assert issubclass(adapter, Segmenter)
    return f"""\
import torch
from PIL import Image

image = Image.open({file!r}).convert("RGB")
prompts = {list(prompts)!r}

{adapter.segment_program(str(spec.path or spec.id)).rstrip()}

probabilities = logits.sigmoid()  # a map of the whole picture for each prompt
for prompt, map in zip(prompts, probabilities):
    print(f"{{prompt}}: {{(map >= {THRESHOLD}).float().mean():.1%}} of the picture")
"""


def _there(image: Image | None) -> Image:
    if image is None:
        raise UserError("Choose a picture first: upload one, take one, or click an example.")
    return image


def _result(labels: list[str], image: Image | None, outputs: dict[str, Any]) -> Segmentation:
    assert image is not None
    maps = {name: value.numpy().astype(np.float32) for name, value in outputs.items()}
    logits = maps.pop("logits")
    return Segmentation(list(labels), image.size, _sigmoid(logits), maps)


def _sigmoid(logits: NDArray[np.float32]) -> Probabilities:
    return np.asarray(1 / (1 + np.exp(-logits.clip(-60, 60))), np.float32)


def _enlarge(map_: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(PILImage.fromarray(map_).resize(size, PILImage.Resampling.BILINEAR))


def _crop(image: Image, box: Sequence[float]) -> Image:
    x0, y0, x1, y1 = (round(float(n)) for n in box)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, image.width), min(y1, image.height)
    if x1 - x0 < 8 or y1 - y0 < 8:
        raise UserError("The example's box is too small or outside the picture: draw it around the thing.")
    return image.crop((x0, y0, x1, y1))
