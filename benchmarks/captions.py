# SPDX-License-Identifier: Apache-2.0

"""Captions of photographs by every method, side by side: CIDEr and BLEU-4 by pycocoevalcap, and how often a caption finds its
picture again.

    python -m benchmarks.captions --coco FOLDER
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from core.data import bank
from core.engine import Engine
from core.measured import Measured, measure
from core.models.family import CAPTIONER, EMBEDDED
from core.models.inference import Models
from core.settings import Settings
from core.tasks import asif, magic
from core.tasks._statistics import recall

SEEDS = 3  # of methods that draw


def scores(captions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """CIDEr, with document frequencies from these references, and BLEU-4."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider

    truth = {i: [plain(text) for text in texts] for i, texts in enumerate(references)}
    found = {i: [plain(text)] for i, text in enumerate(captions)}
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it counts
        cider, _ = Cider().compute_score(truth, found)
        bleu, _ = Bleu(4).compute_score(truth, found)
    return {"CIDEr": float(cider), "BLEU-4": float(bleu[3])}


def figures(
    models: Models, captions: Sequence[str], images: Sequence[Image], references: Sequence[Sequence[str]]
) -> dict[str, Measured | float]:
    """CIDEr, with document frequencies from these references, over pictures, and beside it as its prior what the best one caption
    for all pictures gets; R@1 and R@5 of the picture by its caption, by the built-in model; and BLEU-4, which is one number for all
    the captions together."""
    pictures, texts = models.embed_images(EMBEDDED, images), models.embed_texts(EMBEDDED, captions)
    own = [[place] for place in range(len(images))]
    found = recall("", texts, pictures, own, (1, 5))
    return {
        "CIDEr": measure(cider(captions, references), range(len(captions)), one_for_all(tuple(map(tuple, references)))),
        **{name.partition(".")[2]: value for name, value in found.items()},
        "BLEU-4": scores(captions, references)["BLEU-4"],
    }


def cider(captions: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[np.floating]:
    """[captions]: that of each with the references of its picture."""
    from pycocoevalcap.cider.cider import Cider

    truth = {i: [plain(text) for text in texts] for i, texts in enumerate(references)}
    _, each = Cider().compute_score(truth, {i: [plain(text)] for i, text in enumerate(captions)})
    return np.asarray(each)


@lru_cache(maxsize=1)
def one_for_all(references: tuple[tuple[str, ...], ...]) -> float:
    """The CIDEr of the best single caption for all pictures, of the first reference of each: its own picture does not count."""
    found = []
    for own, texts in enumerate(references):
        others = cider([texts[0]] * len(references), references)
        found.append(np.delete(others, own).mean())
    return float(max(found))


def plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def by_asif(models: Models, name: str, images: Sequence[Image], first: bool = False) -> list[str]:
    found = [asif.caption(models, image, bank.shipped(), name=name) for image in images]
    return [one.first if first else one.caption for one in found]


def by_rule(models: Models, name: str, images: Sequence[Image], rule: magic.Rule) -> list[str]:
    return [draft.text for draft in magic.caption(models, name, images, rule)]


def by_chance(models: Models, n: int, seed: int, **sampling: float) -> list[str]:
    """What the language model says when it is not asked about anything."""
    length = magic.Rule().length - 1
    options = {"top_k": 0, "top_p": 1.0, **sampling}
    rows = models.call(CAPTIONER, "sample", n, int(options["top_k"]), options["top_p"], 1.0, length, seed)
    texts: list[str] = models.call(CAPTIONER, "decode", rows)
    return texts


def table(models: Models, name: str, images: Sequence[Image], references: Sequence[Sequence[str]]) -> str:
    """Every method on the same pictures, with R@1 of the picture by its caption: the figure that a method blind to the
    picture cannot have."""
    methods: dict[str, Callable[[int], list[str]]] = {
        "top-k sampling, no picture": lambda seed: by_chance(models, len(images), seed, top_k=50),
        "nucleus sampling, no picture": lambda seed: by_chance(models, len(images), seed, top_p=0.95),
        **{
            f"MaGiC, {variant}": lambda _, rule=rule: by_rule(models, name, images, rule)
            for variant, rule in magic.VARIANTS.items()
        },
        "recalled captions, not weighed by word": lambda _: by_rule(
            models, name, images, replace(magic.VARIANTS[magic.RECALLED], beta=0)
        ),
        "ASIF, the single best": lambda _: by_asif(models, name, images, first=True),
        "ASIF, consensus of the best": lambda _: by_asif(models, name, images),
    }
    pictures = models.embed_images(name, images)
    lines = [f"{'':38s}  CIDEr  BLEU-4  R@1   e.g."]
    for title, method in methods.items():
        drawn = SEEDS if "sampling" in title else 1
        rows = []
        for seed in range(drawn):
            captions = method(seed)
            nearest = (models.embed_texts(name, captions) @ pictures.T).argmax(1)
            rows.append([*scores(captions, references).values(), float((nearest == np.arange(len(images))).mean())])
        cider, bleu, found = np.mean(rows, axis=0)
        lines.append(f"{title:38s}  {cider:.3f}  {bleu:.3f}   {found:.3f}  {captions[0]}")
    return "\n".join(lines)


def main() -> None:
    from benchmarks.quality import Coco

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--coco", type=Path, required=True, help="folder with images/, instances.json, captions.json")
    coco = Coco.read(parser.parse_args().coco)
    print(table(Models(Engine(Settings())), EMBEDDED, coco.images, coco.captions))


if __name__ == "__main__":
    main()
