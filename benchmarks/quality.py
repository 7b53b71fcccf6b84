# SPDX-License-Identifier: Apache-2.0

"""How good are the answers on photographs? Prints a table; `--json FILE` writes the figures, and `--write` puts those of the built-in
model beside its weights, where the lab's lines of trust come from.

    python -m benchmarks.quality --coco FOLDER

FOLDER holds images/, instances.json and captions.json in COCO's format. Nothing is fitted to it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that `python benchmarks/quality.py` works too

from benchmarks import captions, masks, presence, questions
from benchmarks.instances import read_instances
from core import figures
from core.engine import Engine
from core.images import read
from core.measured import Measured
from core.models.abilities import AnchoredEncoder, Answerer, DualEncoder, Segmenter
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.models.trust import SHIPPED
from core.settings import Settings
from core.tasks import _statistics, magic, zero_shot

Mixed = dict[str, Measured | float]  # figures of one part
RECALL_AT = (1, 5, 10)


@dataclass
class Coco:
    """A COCO-shaped folder: pictures, five captions each, and which of the categories each shows."""

    images: list
    captions: list[list[str]]
    categories: list[str]
    present: np.ndarray  # [pictures, categories] of bool
    folder: Path

    @property
    def name(self) -> str:
        """Of the data, for people."""
        return f"{len(self.images)} COCO photographs ({self.folder.resolve().name})"

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


def which_present(models: Models, name: str, coco: Coco) -> Mixed:
    """Also how many of the labels given about 70 % are there, and so on: of any list, nearly all labels are absent."""
    independent = zero_shot.classify(models, name, coco.images, coco.categories, scoring="independent")
    probabilities, pictures = np.array(independent.scores), np.arange(len(coco.images))
    owner = np.repeat(pictures, len(coco.categories))
    at = _named(_statistics.reliability("presence", probabilities.ravel(), coco.present.ravel(), owner))
    return {**presence.figures(models, name, coco.images, coco.categories, coco.present), **at}


def chosen_label(models: Models, name: str, coco: Coco) -> Mixed:
    """The softmax over labels, as a visitor's list of which one fits."""
    found = zero_shot.classify(models, name, coco.images, coco.categories)
    return _named(_statistics.choice("choice", np.array(found.logits), coco.present))


def text_to_image(models: Models, name: str, coco: Coco) -> Mixed:
    pictures, captions, owner = _vectors(models, name, coco)
    return _named(_statistics.recall("t2i", captions, pictures, [[o] for o in owner], RECALL_AT, owner))


def image_to_text(models: Models, name: str, coco: Coco) -> Mixed:
    pictures, captions, owner = _vectors(models, name, coco)
    own = [np.flatnonzero(owner == i).tolist() for i in range(len(pictures))]
    return _named(_statistics.recall("i2t", pictures, captions, own, RECALL_AT))


def _vectors(models: Models, name: str, coco: Coco) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    texts = [caption for captions in coco.captions for caption in captions]
    owner = np.repeat(np.arange(len(coco.captions)), [len(captions) for captions in coco.captions])
    return models.embed_images(name, coco.images), models.embed_texts(name, texts), owner


def _named(figures: Mapping[str, Measured]) -> Mixed:
    """Without their part."""
    return {name.partition(".")[2]: figure for name, figure in figures.items()}


def answers(models: Models, name: str, coco: Coco) -> Mixed:
    return questions.figures(models, name, coco.images, read_instances(coco.folder), coco.categories)


def segmentation(models: Models, name: str, coco: Coco) -> Mixed:
    return masks.figures(models, name, coco.images, read_instances(coco.folder), coco.categories)


def chosen_captions(models: Models, name: str, coco: Coco) -> Mixed:
    return captions.figures(models, captions.by_asif(models, name, coco.images), coco.images, coco.captions)


def written_captions(models: Models, name: str, coco: Coco) -> Mixed:
    """By the default rule and, for comparison, by the one that was published."""
    rules = {"": magic.VARIANTS[magic.RECALLED], " as published": magic.Rule()}
    written = {suffix: captions.by_rule(models, name, coco.images, rule) for suffix, rule in rules.items()}
    return {
        f"{figure}{suffix}": value
        for suffix, texts in written.items()
        for figure, value in captions.figures(models, texts, coco.images, coco.captions).items()
    }


PARTS = {
    "presence": (which_present, DualEncoder),
    "choice": (chosen_label, DualEncoder),
    "t2i": (text_to_image, DualEncoder),
    "i2t": (image_to_text, DualEncoder),
    "vqa": (answers, Answerer),
    "segmentation": (segmentation, Segmenter),
    "caption_asif": (chosen_captions, AnchoredEncoder),
    "caption_magic": (written_captions, DualEncoder),
}


def told(figure: Measured | float) -> str:
    """A value, with its interval where it was measured."""
    if isinstance(figure, Measured):
        return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
    return f"{figure:.3f}"


def flat(figures: Mapping[str, Mixed]) -> dict[str, Measured]:
    """By "part.figure", those that have an interval: of others nobody could say how sure they are."""
    return {
        f"{part}.{name}": value
        for part, values in figures.items()
        for name, value in values.items()
        if isinstance(value, Measured)
    }


def write_beside_the_weights(measured: Mapping[str, Measured], data: str) -> None:
    """Each part into the `measured.json` of its folder; the other parts there stay, where they are of the same data."""
    for folder in dict.fromkeys(SHIPPED.values()):
        mine = {name: value for name, value in measured.items() if SHIPPED.get(figures.part(name)) == folder}
        if mine:
            path, new = folder / figures.FILE, figures.Figures(EMBEDDED, data, figures.today(), mine)
            old = figures.read(path)
            figures.write(path, old.updated(new) if old else new)
            print(f"{len(mine)} figures of {', '.join(sorted({figures.part(name) for name in mine}))}: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--coco", type=Path, required=True, help="folder with images/, instances.json, captions.json")
    parser.add_argument("--model", default=EMBEDDED, help="a name from the model picker")
    parser.add_argument("--models", type=Path, help="folder of local checkpoints")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="parts to measure; else all that the model can")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--write", action="store_true", help="write them beside the built-in model's weights")
    args = parser.parse_args()
    if args.write and args.model != EMBEDDED:
        parser.error("--write is for the built-in model")
    models, coco = Models(Engine(Settings()), args.models), Coco.read(args.coco)
    able = [part for part in args.only or PARTS if issubclass(models.catalog.adapter(args.model), PARTS[part][1])]
    print(f"{args.model} on {len(coco.images)} pictures", flush=True)
    found: dict[str, Mixed] = {}
    for part in able:
        found[part] = PARTS[part][0](models, args.model, coco)
        print(f"{part:13s}" + "".join(f"  {key} {told(value)}" for key, value in found[part].items()), flush=True)
        if args.write:  # part by part: each takes minutes
            write_beside_the_weights(flat({part: found[part]}), coco.name)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1, default=asdict) + "\n")


if __name__ == "__main__":
    main()
