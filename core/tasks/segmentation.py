# SPDX-License-Identifier: Apache-2.0

"""Segmentation: where in the picture is what a phrase names (CLIPSeg, arXiv 2112.10003)?

Coordinates, boxes and masks are those of the file that the picture was read from, whatever size it was scaled down to.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from scipy.special import expit

from core.errors import Stopped, UserError
from core.images import original_size
from core.mask import Mask
from core.models.abilities import ImagePrompted, PresenceEstimator, Segmenter
from core.models.inference import Models
from core.results import Segmentation
from core.tasks import TASKS, Task
from core.tasks._full_size import Probabilities, enlarged, likeliest, reaching
from core.tasks._lists import TypedList
from core.tasks._presence import of_prompts
from core.tasks._program import headed, image_line
from core.tasks._sources import required

TASK = TASKS.register("segmentation", Task("segmentation", "where is what a phrase names", Segmenter))

DEFAULT_THRESHOLD = 0.5
MAX_PROMPTS, PROMPT_LENGTH = 16, 200
PROMPTS = TypedList(
    MAX_PROMPTS,
    PROMPT_LENGTH,
    none="Say what to cut out, one a line or separated by commas: for example “a cat, a blanket”.",
    many=f"That is {{count}} prompts; at most {MAX_PROMPTS} are cut out at once. Remove some.",
    long=f"A prompt has more than {PROMPT_LENGTH} characters. Put prompts on lines of their own.",
)
NOWHERE = -1.0  # below a threshold of 0, too


def parse_prompts(text: str) -> list[str]:
    """Prompts one a line or separated by commas, as `TypedList.parse`."""
    return PROMPTS.parse(text)


def segment(
    models: Models,
    name: str,
    image: Image | None,
    prompts: Sequence[str],
    stop: threading.Event | None = None,
) -> Segmentation:
    """A probability map for each prompt, and whether it is there at all where the model has measured that; the maps are the
    same either way, see `masks`. The picture is encoded once: further prompts on it are cheap. Raises Stopped between prompts
    once `stop` is set."""
    prompts, image = parse_prompts("\n".join(prompts)), required(image)
    encoding = models.encode(name, image)
    parts = list(models.map(name, "segment", prompts, MAX_PROMPTS, None, stop, (encoding,)))
    found = _result(prompts, image, {key: np.concatenate([part[key] for part in parts]) for key in parts[0]})
    presence, absent = of_prompts(models, name, encoding, prompts)
    return replace(found, presence=presence, absent=absent)


def segment_like(
    models: Models, name: str, image: Image | None, example: Image | None, box: Sequence[float] | None = None
) -> Segmentation:
    """The same for what an example picture shows, or what lies in its box (x0, y0, x1, y1)."""
    if not issubclass(models.catalog.adapter(name), ImagePrompted):
        raise UserError(f"{name} takes phrases only. Choose another model for an example picture.")
    if example is None:
        raise UserError("Choose the example picture, too: what it shows is looked for.")
    if box is not None:
        example = _crop(example, box)
    image = required(image)
    found = models.call(name, "segment_like", models.encode(name, image), [example])
    return _result(["like the example"], image, {key: np.asarray(value) for key, value in found.items()})


def refine(
    models: Models,
    name: str,
    image: Image | None,
    result: Segmentation,
    label: str,
    points: Sequence[tuple[float, float, bool]] = (),
    box: Sequence[float] | None = None,
) -> Segmentation:
    """The result with one prompt's map drawn anew by a Refiner (SAM) from clicks (x, y, on the object?) and a box
    (x0, y0, x1, y1)."""
    if label not in result.labels:
        raise UserError("Choose which prompt's mask to refine.")
    image = required(image)
    x, y = _scale(image)
    clicks = [(x * float(left), y * float(top), bool(on)) for left, top, on in points]
    corners = tuple(float(n) * by for n, by in zip(box, (x, y, x, y), strict=True)) if box else None
    drawn = expit(models.call(name, "refine", models.encode(name, image), clicks, corners).numpy())
    height, width = drawn.shape
    maps = np.stack([enlarged(map_, (width, height)) for map_ in result.probabilities])
    place = result.labels.index(label)
    maps[place] = drawn
    shown = [
        False if number == place else absent for number, absent in enumerate(result.absent)
    ]  # whoever draws it, sees it
    return replace(result, probabilities=maps, absent=shown)


def masks(
    result: Segmentation,
    threshold: float = DEFAULT_THRESHOLD,
    exclusive: bool = False,
    stop: threading.Event | None = None,
    anyway: bool = False,
) -> list[Mask]:
    """For each prompt where its probability, enlarged to the picture's size, is at least `threshold`; if `exclusive`, each
    pixel belongs to the likeliest prompt alone. Of a prompt that is probably `absent` the mask is empty, unless `anyway`: then
    its map is taken all the same. One full-size mask is in memory at a time. Raises UserError for a threshold
    that is no probability, and Stopped between masks once `stop` is set."""
    if not 0 <= threshold <= 1:  # also turns away NaN
        raise UserError("The threshold is a probability: choose a number between 0 and 1.")
    if not anyway:
        result = _without_absent(result)
    owners = likeliest(result.probabilities, threshold, result.size) if exclusive else None
    found = []
    for number, (label, map_) in enumerate(zip(result.labels, result.probabilities, strict=True)):
        if stop is not None and stop.is_set():
            raise Stopped
        found.append(Mask.of(label, reaching(map_, threshold, result.size) if owners is None else owners == number))
    return found


def coco(found: Sequence[Mask], file_name: str) -> dict[str, Any]:
    """The masks of one picture in COCO's format, for pycocotools and what reads like it: a category for each prompt, one
    annotation each, with compressed run lengths."""
    size = found[0].size
    annotations = [
        {
            "id": number,
            "image_id": 1,
            "category_id": number,
            "iscrowd": 1,  # how COCO marks a mask that is not a polygon around one object
            "area": mask.area,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "segmentation": {**mask.rle, "counts": mask.counts.decode("ascii")},
        }
        for number, mask in enumerate(found, 1)
        if mask.box
        for x0, y0, x1, y1 in [mask.box]
    ]
    return {
        "images": [{"id": 1, "file_name": file_name, "width": size[0], "height": size[1]}],
        "categories": [{"id": number, "name": mask.label} for number, mask in enumerate(found, 1)],
        "annotations": annotations,
    }


def parse_box(text: str) -> list[float] | None:
    """ "x0, y0, x1, y1" in pixels, or None for an empty text."""
    if not (text or "").strip():
        return None
    numbers = re.findall(r"-?\d+(?:\.\d+)?", text[:200])
    if len(numbers) != 4:
        raise UserError("Write the box as four numbers: left, top, right, bottom, in pixels. Or leave it empty.")
    return [float(number) for number in numbers]


def program(models: Models, name: str, file: str, prompts: Sequence[str]) -> str:
    """The shortest program that gives the same maps and coverages, as text, ready to run as its heading
    says."""
    adapter, spec = models.catalog.adapter(name), models.catalog.spec(name)
    assert issubclass(adapter, Segmenter)
    gated = issubclass(adapter, PresenceEstimator)
    rows, values = ("prompt, map, there", "prompts, maps, present") if gated else ("prompt, map", "prompts, maps")
    covered = f"(numpy.asarray(enlarged) >= {DEFAULT_THRESHOLD}).mean()" + (" * there" if gated else "")
    text = f"""\
import numpy
import torch
from PIL import Image, ImageOps

{image_line(file)}
prompts = {list(prompts)!r}

{adapter.segment_program(str(spec.path or spec.id)).rstrip()}

maps = logits.float().sigmoid().numpy()  # each covers the whole picture
for {rows} in zip({values}):
    enlarged = Image.fromarray(map).resize(image.size, Image.Resampling.BILINEAR)
    print(f"{{prompt}}: {{{covered}:.1%}} of the picture")
"""
    return headed(text, [file])


def _result(labels: list[str], image: Image, outputs: dict[str, NDArray[Any]]) -> Segmentation:
    maps = {name: value.astype(np.float32) for name, value in outputs.items()}
    return Segmentation(list(labels), original_size(image), expit(maps.pop("logits")), maps)


def shown(result: Segmentation) -> Probabilities:
    """[n, h, w] in 0..1: the maps that masks are cut from, 0 everywhere for what is probably absent."""
    return np.maximum(_without_absent(result).probabilities, 0)


def _without_absent(result: Segmentation) -> Segmentation:
    """With maps below any threshold for prompts that are probably not there."""
    if not any(result.absent):
        return result
    maps = result.probabilities.copy()
    maps[np.array(result.absent, bool)] = NOWHERE
    return replace(result, probabilities=maps)


def _scale(image: Image) -> tuple[float, float]:
    """What coordinates in the file are multiplied with to be those in `image`: (x, y)."""
    width, height = original_size(image)
    return image.width / width, image.height / height


def _crop(image: Image, box: Sequence[float]) -> Image:
    x, y = _scale(image)
    x0, y0, x1, y1 = (round(float(n) * by) for n, by in zip(box, (x, y, x, y), strict=True))
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, image.width), min(y1, image.height)
    if x1 - x0 < 8 or y1 - y0 < 8:
        raise UserError("The example's box is too small or outside the picture: draw it around the object.")
    part = image.crop((x0, y0, x1, y1))
    part.info = {}  # a picture of its own
    return part
