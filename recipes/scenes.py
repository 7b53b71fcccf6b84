# SPDX-License-Identifier: Apache-2.0

"""Scenes for training: cut-outs pasted on photographs, with exact masks, counts, positions and colours.

Cut-outs: photographs and drawings of Debian's tuxpaint-stamps-default (public domain and GPL-2+, listed in that
package's copyright file; none of them ships here), named in stamps.csv. Backgrounds: crops of the demo gallery.
Both are split by name and by file into parts for training and for measuring.
"""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from core.assets import GALLERY_FOLDER
from core.models.embedded.answers.colour import colour_words

SIDE = 448
PACKAGE = "tuxpaint-stamps-default"
MOST = 6  # of one kind


@dataclass(frozen=True)
class Stamp:
    file: Path
    name: str
    group: str  # a wider word for it ("bird"), or ""


@dataclass(frozen=True)
class Thing:
    """One pasted cut-out. `box` in pixels of the scene."""

    name: str
    group: str
    colour: str  # the word for most of its pixels, or "" where there is no clear one
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Scene:
    """`owner` [SIDE, SIDE]: 0 for the background, i + 1 where things[i] is seen."""

    image: Image.Image
    things: list[Thing]
    owner: np.ndarray

    def mask(self, phrase: str) -> np.ndarray:
        """[SIDE, SIDE] of bool: everything called so, or belonging to a group called so."""
        mine = [i + 1 for i, thing in enumerate(self.things) if phrase in (thing.name, thing.group)]
        return np.isin(self.owner, mine)


class Composer:
    """Scenes by seed. `apart` draws from the names and photographs that training never sees."""

    def __init__(self, work: Path, apart: bool = False) -> None:
        self.stamps = [stamp for stamp in read_stamps(work) if is_apart(stamp.name) == apart]
        self.by_name: dict[str, list[Stamp]] = {}
        for stamp in self.stamps:
            self.by_name.setdefault(stamp.name, []).append(stamp)
        self.names = sorted(self.by_name)
        with open(GALLERY_FOLDER / "captions.csv", newline="") as table:  # some of the gallery are cut-outs on grey
            photos = [row["file"] for row in csv.DictReader(table) if PACKAGE not in row["source"]]
        self.backgrounds = [GALLERY_FOLDER / "pictures" / name for name in photos if is_apart(name) == apart]

    def scene(self, seed: int, kinds: Sequence[float] = (0.45, 0.35, 0.2)) -> Scene:
        """One to len(kinds) kinds of thing, that often; one to MOST of each, mostly one."""
        rng = np.random.default_rng(seed)
        image = self._background(rng)
        owner = np.zeros((SIDE, SIDE), np.uint8)
        things: list[Thing] = []
        sizes: list[int] = []
        for name in rng.choice(self.names, 1 + rng.choice(len(kinds), p=kinds), replace=False):
            stamp = self.by_name[name][rng.integers(len(self.by_name[name]))]
            count = int(rng.choice(MOST, p=(0.5, 0.17, 0.12, 0.08, 0.07, 0.06))) + 1
            longest = SIDE * np.clip(np.exp(rng.normal(-0.6, 0.5)), 0.12, 1.0) / count**0.4
            for _ in range(count):
                if rng.random() < 0.3:  # the same kind, another of it
                    stamp = self.by_name[name][rng.integers(len(self.by_name[name]))]
                cut = _vary(load(stamp.file), rng, longest * rng.uniform(0.8, 1.2))
                left, top = (int(rng.integers(-n // 6, SIDE - n + n // 6 + 1)) for n in cut.size)
                layer = Image.new("L", (SIDE, SIDE))
                layer.paste(cut.getchannel("A"), (left, top))
                mask = np.asarray(layer) > 127
                hides = any(((owner == i + 1) & mask).sum() > 0.4 * size for i, size in enumerate(sizes))
                if mask.sum() < 300 or hides or len(things) > 12:
                    continue
                image.paste(cut.convert("RGB"), (left, top), cut.getchannel("A"))
                owner[mask] = len(things) + 1
                ys, xs = np.nonzero(mask)
                box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
                things.append(Thing(stamp.name, stamp.group, colour_of(stamp.file), box))
                sizes.append(int(mask.sum()))
        return Scene(_photographed(image, rng), things, owner)

    def absent(self, scene: Scene, rng: np.random.Generator, n: int) -> list[str]:
        """Names of things that are not there, nor others of their group."""
        here = {thing.name for thing in scene.things} | {thing.group for thing in scene.things}
        words = {word for name in here for word in name.split()}
        free = [
            s.name for s in self.stamps if not (set(s.name.split()) & words) and (not s.group or s.group not in here)
        ]
        return [str(name) for name in rng.choice(sorted(set(free)), n, replace=False)]

    def _background(self, rng: np.random.Generator) -> Image.Image:
        with Image.open(self.backgrounds[rng.integers(len(self.backgrounds))]) as file:
            photo = file.convert("RGB")
        side = int(min(photo.size) * rng.uniform(0.5, 1))
        left, top = (int(rng.integers(n - side + 1)) for n in photo.size)
        photo = photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        if rng.random() < 0.5:
            photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return photo.filter(ImageFilter.GaussianBlur(rng.uniform(1, 3))) if rng.random() < 0.3 else photo


def _vary(cut: Image.Image, rng: np.random.Generator, longest: float) -> Image.Image:
    """Turned a little, perhaps mirrored, of this size, lit differently, with a softer edge."""
    if rng.random() < 0.5:
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    cut = cut.rotate(rng.normal(0, 8), resample=Image.Resampling.BICUBIC, expand=True)
    scale = longest / max(cut.size)
    cut = cut.resize([max(8, round(n * scale)) for n in cut.size], Image.Resampling.LANCZOS)
    alpha = cut.getchannel("A").filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    colour = ImageEnhance.Brightness(cut.convert("RGB")).enhance(rng.uniform(0.7, 1.25))
    colour = ImageEnhance.Contrast(colour).enhance(rng.uniform(0.8, 1.2))
    colour = ImageEnhance.Color(colour).enhance(rng.uniform(0.7, 1.2))
    colour.putalpha(alpha)
    return colour


def _photographed(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """What a camera does to all of it alike: a little blur and noise, and JPEG."""
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.0)))
    noisy = np.asarray(image, np.float32) + rng.normal(0, rng.uniform(0, 6), (SIDE, SIDE, 1))
    buffer = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=int(rng.integers(60, 95)))
    return Image.open(buffer).convert("RGB")


def is_apart(key: str) -> bool:
    """One in eight, the same ones on every machine."""
    return crc32(key.encode()) % 8 == 0


def read_stamps(work: Path) -> list[Stamp]:
    with open(Path(__file__).with_name("stamps.csv"), newline="") as table:
        return [Stamp(unpacked(work) / row["file"], row["name"], row["group"]) for row in csv.DictReader(table)]


def unpacked(work: Path) -> Path:
    """The package's folder of stamps, downloaded and unpacked on first use; nothing is installed."""
    folder = work / PACKAGE / "usr/share/tuxpaint/stamps"
    if not folder.exists():
        work.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", PACKAGE], cwd=work, check=True)
        subprocess.run(["dpkg-deb", "-x", str(next(work.glob(f"{PACKAGE}_*.deb"))), str(work / PACKAGE)], check=True)
    return folder


@lru_cache(maxsize=1000)
def load(file: Path) -> Image.Image:
    """RGBA, cropped to what is seen of it, at most SIDE on the longer side."""
    with Image.open(file) as opened:
        cut = opened.convert("RGBA")
    cut = cut.crop(cut.getchannel("A").getbbox())
    cut.thumbnail((SIDE, SIDE))
    return cut


@lru_cache(maxsize=1000)
def colour_of(file: Path) -> str:
    """The colour word of at least half of its opaque pixels, or ""."""
    small = load(file).resize((48, 48))
    opaque = np.asarray(small.getchannel("A")).ravel() > 200
    words = colour_words(np.asarray(small.convert("RGB").convert("HSV")).reshape(-1, 3)[opaque])
    names, counts = np.unique(words, return_counts=True)
    return str(names[counts.argmax()]) if len(words) and counts.max() >= 0.5 * len(words) else ""
