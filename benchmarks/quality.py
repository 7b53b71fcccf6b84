# SPDX-License-Identifier: Apache-2.0

"""How good are the answers on photographs? Prints a table; `--json FILE` writes the figures.

    python -m benchmarks.quality --coco FOLDER

FOLDER holds images/, instances.json and captions.json in COCO's format. Nothing is fitted to it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that `python benchmarks/quality.py` works too

from benchmarks import captions, masks, presence, questions
from benchmarks.instances import read_instances
from core.engine import Engine
from core.images import read
from core.measured import Measured
from core.models.abilities import AnchoredEncoder, Answerer, DualEncoder, Segmenter
from core.models.inference import Models
from core.settings import Settings
from core.tasks import magic, retrieval

Figures = dict[str, Measured | float]


@dataclass
class Coco:
    """A COCO-shaped folder: pictures, five captions each, and which of the categories each shows."""

    images: list
    captions: list[list[str]]
    categories: list[str]
    present: np.ndarray  # [pictures, categories] of bool
    folder: Path

    @classmethod
    def read(cls, folder: Path) -> Coco:
        instances = json.loads((folder / "instances.json").read_text())
        captions = defaultdict(list)
        for row in json.loads((folder / "captions.json").read_text())["annotations"]:
            captions[row["image_id"]].append(row["caption"])
        rows = instances["images"]
        column = {category["id"]: i for i, category in enumerate(instances["categories"])}
        at = {row["id"]: i for i, row in enumerate(rows)}
        present = np.zeros((len(rows), len(column)), bool)
        for instance in instances["annotations"]:
            present[at[instance["image_id"]], column[instance["category_id"]]] = True
        return cls(
            [read(folder / "images" / row["file_name"]).image for row in rows],
            [captions[row["id"]] for row in rows],
            [category["name"] for category in instances["categories"]],
            present,
            folder,
        )


def which_present(models: Models, name: str, coco: Coco) -> Figures:
    return presence.figures(models, name, coco.images, coco.categories, coco.present)


def text_to_image(models: Models, name: str, coco: Coco) -> dict[str, float]:
    pictures, captions, owner = _vectors(models, name, coco)
    return _recall(retrieval.recall(captions, pictures, [[o] for o in owner]))


def image_to_text(models: Models, name: str, coco: Coco) -> dict[str, float]:
    pictures, captions, owner = _vectors(models, name, coco)
    return _recall(retrieval.recall(pictures, captions, [np.flatnonzero(owner == i) for i in range(len(pictures))]))


def _vectors(models: Models, name: str, coco: Coco) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    texts = [caption for captions in coco.captions for caption in captions]
    owner = np.repeat(np.arange(len(coco.captions)), [len(captions) for captions in coco.captions])
    return models.embed_images(name, coco.images), models.embed_texts(name, texts), owner


def _recall(found: retrieval.Recall) -> dict[str, float]:
    return {f"R@{k}": value for k, value in found.at.items()}


def answers(models: Models, name: str, coco: Coco) -> dict[str, float]:
    return questions.measure(models, name, coco.images, read_instances(coco.folder), coco.categories)


def segmentation(models: Models, name: str, coco: Coco) -> Figures:
    return masks.figures(models, name, coco.images, read_instances(coco.folder), coco.categories)


def chosen_captions(models: Models, name: str, coco: Coco) -> dict[str, float]:
    return captions.scores(captions.by_asif(models, name, coco.images), coco.captions)


def written_captions(models: Models, name: str, coco: Coco) -> dict[str, float]:
    """By the default rule and, for comparison, by the one that was published."""
    found = captions.scores(captions.by_rule(models, name, coco.images, magic.VARIANTS[magic.RECALLED]), coco.captions)
    published = captions.scores(captions.by_rule(models, name, coco.images, magic.Rule()), coco.captions)
    return found | {f"{figure} as published": value for figure, value in published.items()}


def plain(figures: Mapping[str, Measured | float]) -> dict[str, float]:
    return {key: value.value if isinstance(value, Measured) else value for key, value in figures.items()}


PARTS = {
    "presence": (which_present, DualEncoder),
    "t2i": (text_to_image, DualEncoder),
    "i2t": (image_to_text, DualEncoder),
    "vqa": (answers, Answerer),
    "segmentation": (segmentation, Segmenter),
    "caption_asif": (chosen_captions, AnchoredEncoder),
    "caption_magic": (written_captions, DualEncoder),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--coco", type=Path, required=True, help="folder with images/, instances.json, captions.json")
    parser.add_argument("--model", default="embedded", help="a name from the model picker")
    parser.add_argument("--models", type=Path, help="folder of local checkpoints")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="parts to measure; else all that the model can")
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    models, coco = Models(Engine(Settings()), args.models), Coco.read(args.coco)
    able = [part for part in args.only or PARTS if issubclass(models.catalog.adapter(args.model), PARTS[part][1])]
    print(f"{args.model} on {len(coco.images)} pictures", flush=True)
    figures = {}
    for part in able:
        figures[part] = PARTS[part][0](models, args.model, coco)
        print(
            f"{part:13s}" + "".join(f"  {key} {value:.3f}" for key, value in plain(figures[part]).items()), flush=True
        )
    if args.json:
        args.json.write_text(json.dumps({part: plain(found) for part, found in figures.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
