# SPDX-License-Identifier: Apache-2.0

"""A small set made on the fly: objects of the demo gallery pasted on its photographs, so that what each picture shows is known to
the pixel. Every objective can be tried on it, and its captions name the objects, which tells whether a captioner uses the picture.

Some of the gallery's pictures show one object on a plain background: those are cut out. The same 27 objects are in the scenes that
a run trains on and in those that it holds out, in other sizes, places and combinations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from core.assets import GALLERY_FOLDER
from core.engine import OnStep
from core.training.data.example import Example

SCENE_SIDE = 256  # of a scene, in pixels
OBJECTS = {  # by the name of the picture's file
    "airplane-jumbo": "airplane",
    "american-football": "football",
    "avocado-whole": "avocado",
    "basketball": "basketball",
    "bus-green": "bus",
    "camera-black": "camera",
    "cement-mixer": "cement mixer",
    "corn-cob": "corn cob",
    "dumper-orange": "dumper",
    "fighter-jet": "fighter jet",
    "fire-truck": "fire truck",
    "flower-red-anemone": "flower",
    "garbage-truck": "garbage truck",
    "ginger-root": "ginger root",
    "hot-air-balloon": "balloon",
    "kettle-electric": "kettle",
    "lobster-spiny": "lobster",
    "model-sailing-ship": "ship",
    "pie-round": "pie",
    "race-car": "race car",
    "rubber-duck": "rubber duck",
    "soccer-ball": "soccer ball",
    "stethoscope": "stethoscope",
    "tennis-ball": "tennis ball",
    "toilet-white": "toilet",
    "tricycle-pink": "tricycle",
    "turkey-roast": "turkey",
}
CAPTIONS_OF_ONE = ("{a}", "a picture of {a}", "there is {a}", "{a} in the picture")
CAPTIONS_OF_TWO = ("{a} and {b}", "a picture of {a} and {b}", "{a} next to {b}", "there is {a} and {b}")


@dataclass(frozen=True)
class Scene:
    """`names` of the one or two objects, the larger first, and the `masks` of their visible parts: [SCENE_SIDE, SCENE_SIDE] of bool."""

    image: Image.Image
    names: list[str]
    masks: list[np.ndarray]


def make(
    folder: Path, count: int, seed: int = 0, phrases: bool = False, on_step: OnStep | None = None
) -> list[Example]:
    """Write `count` scenes into `folder`, the same ones for the same seed.

    `text` is a caption that names every object, `mask` a picture of SCENE_SIDE x SCENE_SIDE that is white where any of them is visible;
    with `phrases` both are about one object alone, drawn at random. `label` is the larger object. `question` is about one
    object or their number, `answer` one word or a name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    examples = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        made = scene(rng)
        picture, mask = folder / f"{seed}-{number:05d}.jpg", folder / f"{seed}-{number:05d}-mask.png"
        made.image.save(picture, quality=90)
        described = [int(rng.integers(len(made.names)))] if phrases else range(len(made.names))
        names = [made.names[i] for i in described]
        visible = np.any([made.masks[i] for i in described], 0)
        Image.fromarray(visible.astype(np.uint8) * 255).save(mask)
        text = names[0] if phrases else caption(names, rng)
        question, answer = ask(made, rng)
        examples.append(Example(str(picture), text, question, answer, made.names[0], str(mask)))
        if on_step:
            on_step(number + 1, count)
    return examples


def scene(rng: np.random.Generator) -> Scene:
    """One object or two, that do not hide each other by more than a third."""
    image = _background(rng)
    objects: list[tuple[str, np.ndarray]] = []  # with the visible part of each
    for place in rng.permutation(len(OBJECTS))[: rng.integers(1, 3)]:
        stem = list(OBJECTS)[place]
        for _ in range(20):  # until there is room
            cut = _varied(_cut_out(stem), rng)
            corner = (int(rng.integers(SCENE_SIDE - cut.width + 1)), int(rng.integers(SCENE_SIDE - cut.height + 1)))
            layer = Image.new("L", (SCENE_SIDE, SCENE_SIDE))
            layer.paste(cut.getchannel("A"), corner)
            mask = np.asarray(layer) > 127
            if all((before & mask).sum() < min(before.sum(), mask.sum()) / 3 for _, before in objects):
                image.paste(cut.convert("RGB"), corner, cut.getchannel("A"))
                objects = [(name, before & ~mask) for name, before in objects] + [(OBJECTS[stem], mask)]
                break
    objects.sort(key=lambda found: -int(found[1].sum()))
    return Scene(image, [name for name, _ in objects], [mask for _, mask in objects])


def caption(names: list[str], rng: np.random.Generator) -> str:
    templates = CAPTIONS_OF_ONE if len(names) == 1 else CAPTIONS_OF_TWO
    return str(rng.choice(templates)).format(**dict(zip("ab", map(with_article, names), strict=False)))


def ask(made: Scene, rng: np.random.Generator) -> tuple[str, str]:
    """A question and its answer: whether an object is there (as often yes as no), on which side it is, or how many there are."""
    kind, name = rng.choice(("there", "side", "count")), str(rng.choice(made.names))
    if kind == "there":
        others = [other for other in OBJECTS.values() if other not in made.names]
        asked, answer = (name, "yes") if rng.random() < 0.5 else (str(rng.choice(others)), "no")
        return f"is there {with_article(asked)}?", answer
    if kind == "side":
        middle = np.nonzero(made.masks[made.names.index(name)])[1].mean()
        return f"is the {name} on the left or on the right?", "left" if middle < SCENE_SIDE / 2 else "right"
    return "how many things are there?", str(len(made.names))


def with_article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _background(rng: np.random.Generator) -> Image.Image:
    """A part of a photograph of the gallery, or now and then one colour."""
    if rng.random() < 0.2:
        return Image.new("RGB", (SCENE_SIDE, SCENE_SIDE), tuple(int(n) for n in rng.integers(40, 256, 3)))
    files = _photographs()
    with Image.open(files[rng.integers(len(files))]) as file:
        photo = file.convert("RGB")
    side = int(min(photo.size) * rng.uniform(0.5, 1))
    left, top = (int(rng.integers(n - side + 1)) for n in photo.size)
    return photo.crop((left, top, left + side, top + side)).resize((SCENE_SIDE, SCENE_SIDE), Image.Resampling.BICUBIC)


def _varied(cut: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Of another size, turned a little, perhaps mirrored."""
    if rng.random() < 0.5:
        cut = ImageOps.mirror(cut)
    cut = cut.rotate(rng.uniform(-15, 15), Image.Resampling.BICUBIC, expand=True)
    return ImageOps.contain(cut, (int(SCENE_SIDE * rng.uniform(0.35, 0.75)),) * 2, Image.Resampling.BICUBIC)


@cache
def _photographs() -> list[Path]:
    return [path for path in sorted((GALLERY_FOLDER / "pictures").glob("*.jpg")) if path.stem not in OBJECTS]


@cache
def _cut_out(stem: str) -> Image.Image:
    """RGBA, cropped to the object: what has the colour of the corners and is connected to them is background; the edge is
    feathered."""
    with Image.open(GALLERY_FOLDER / "pictures" / f"{stem}.jpg") as file:
        photo = file.convert("RGB")
    flooded, marker = photo.copy(), (255, 0, 255)
    for corner in ((0, 0), (photo.width - 1, 0), (0, photo.height - 1), (photo.width - 1, photo.height - 1)):
        ImageDraw.floodfill(flooded, corner, marker, thresh=30)  # the sum over the channels; JPEG leaves ripples
    alpha = Image.fromarray(np.any(np.asarray(flooded) != marker, -1).astype(np.uint8) * 255)
    alpha = alpha.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.GaussianBlur(0.8))
    photo.putalpha(alpha)
    return photo.crop(alpha.getbbox())
