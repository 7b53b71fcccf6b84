# SPDX-License-Identifier: Apache-2.0

"""Train assets/vqa, the small ViLT that answers questions over the vision tower's grid. After `recipes.segmentation`.

    python -m recipes.vqa --work VQA_FOLDER

Questions are written about the composed scenes of recipes/segmentation.py, whose features are read from VQA_FOLDER, and,
so that "is there a ...?" is learned on photographs too, about the nouns listed by eye for the demo gallery. Run it
again to go on after an interruption. About forty minutes on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.questions import plural
from core.assets import EMBEDDED_FOLDER, VQA_FOLDER
from core.models.embedded.pair import EmbeddedPair
from core.models.layers.answer_words import ANSWERS, POSITIONS
from core.models.layers.dense_features import CHANNELS, phrase_maps
from core.models.layers.fusion_transformer import (
    PATCH_FEATURES,
    FusionTransformer,
    FusionTransformerConfig,
    phrase_features,
)
from recipes._training import Row, filled, train
from recipes.photos import Photos
from recipes.scenes import MOST, SIDE, Composer, Scene
from recipes.segmentation import APART, SCENES, Rows

TEMPLATES = {  # {a}: the thing with its article, {s}: several of it, {the}: the thing
    "existence": ("is there {a}?", "are there any {s}?", "is there {a} in the picture?", "do you see {a}?", "can you see {a} in this photo?", "does the picture show {a}?"),
    "count": ("how many {s} are there?", "how many {s} do you see?", "how many {s} are in the picture?", "how many {s}?", "what is the number of {s}?"),
    "colour": ("what colour is the {the}?", "what color is the {the}?", "what is the colour of the {the}?", "what color are the {s}?"),
    "position": ("where is the {the}?", "where in the picture is the {the}?", "on which side is the {the}?"),
    "side": ("is the {the} on the {side}?", "is there {a} on the {side}?"),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="the folder that recipes.segmentation filled")
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--epochs", type=float, default=2.5)
    args = parser.parse_args()
    pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
    scenes = _prepared(pair, args.work, "segmentation", args.scenes, apart=False)
    photos = filled(args.work / "vqa-photos", len(Photos()), PhotoRows(pair), every=20)
    torch.manual_seed(0)
    reader = FusionTransformer(FusionTransformerConfig())
    questions = Questions(pair, scenes, photos, Composer(args.work))
    options = {"learning_rate": 1e-3, "per_device_train_batch_size": 32, "num_train_epochs": args.epochs}
    train(reader, loss, questions, args.work / "vqa-run", questions.collate, **options)
    reader.half().save_pretrained(VQA_FOLDER)
    apart = _prepared(pair, args.work, "segmentation-apart", APART, apart=True)
    print("scenes kept apart:", figures(reader.float(), Questions(pair, apart, {}, Composer(args.work, apart=True))))


def _prepared(pair: EmbeddedPair, work: Path, source: str, rows: int, apart: bool) -> Row:
    """What the scenes' rows need beside the depths that recipes.segmentation kept."""
    kept = {file.stem: np.load(file, mmap_mode="r") for file in (work / source).glob("*.npy")}
    composer = Composer(work, apart)

    def row(seed: int) -> Row:
        maps = torch.from_numpy(np.array(kept["maps"][seed])).float()
        depths = {
            name: torch.from_numpy(np.array(kept[name.replace(" ", "_")][seed]))[None].float() for name in CHANNELS
        }
        with torch.inference_mode():
            found = pair.segmenter.decoder(depths, maps)["logits"].sigmoid()
        pixels = torch.from_numpy(np.asarray(composer.scene(seed).image, np.float32).copy()).permute(2, 0, 1)
        return {
            "about": phrase_features(maps, found).numpy().astype(np.float16),
            "colours": F.avg_pool2d((pixels - 127) / 128, 8).numpy().astype(np.float16),
        }

    extra = filled(work / source.replace("segmentation", "vqa-scenes"), rows, row)
    return extra | {"seen": kept["stride_32"]}


class PhotoRows:
    """Photograph i of the gallery in the same form, for the nouns of `Photos.phrases`."""

    def __init__(self, pair: EmbeddedPair) -> None:
        self.pair, self.photos = pair, Photos()
        self.vector = Rows(pair, None).vector

    def __call__(self, row: int) -> Row:
        with torch.inference_mode():
            encoding = self.pair.encode_image(self.photos.image(row))
            vectors = torch.stack([self.vector(noun) for noun, _ in self.photos.phrases(row)])
            maps = phrase_maps(encoding, vectors, self.pair.anchors.mean_anchor)
            found = self.pair.segmenter.decoder({name: encoding[name][None] for name in CHANNELS}, maps)[
                "logits"
            ].sigmoid()
        return {
            "seen": encoding["stride 32"].numpy().astype(np.float16),
            "about": phrase_features(maps, found).numpy().astype(np.float16),
            "colours": encoding["colours"].numpy().astype(np.float16),
        }


class Questions(torch.utils.data.Dataset[Any]):
    """Questions about each scene's phrases, and four about each photograph's nouns."""

    def __init__(self, pair: EmbeddedPair, scenes: Row, photos: Row, composer: Composer) -> None:
        self.pair, self.scenes, self.photos = pair, scenes, photos
        self.items: list[tuple[str, int, int, str, np.ndarray]] = []
        for seed in range(len(scenes["about"])):
            scene, rng = composer.scene(seed), np.random.default_rng(seed + 10**6)
            for number, phrase in enumerate(phrases(composer, scene, seed)):
                for question, target in asked(scene, phrase, rng):
                    self.items.append(("scenes", seed, number, question, target))
        for row in range(len(Photos()) if photos else 0):
            rng = np.random.default_rng(row)
            for number, (noun, there) in enumerate(Photos().phrases(row)):
                for _ in range(4):
                    question = _words(rng, "existence", noun)
                    self.items.append(("photos", row, number, question, _target("yes" if there else "no")))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        source, row, number, question, target = self.items[index]
        arrays = self.scenes if source == "scenes" else self.photos
        seen, colours = (torch.from_numpy(np.array(arrays[name][row])).float() for name in ("seen", "colours"))
        about = torch.from_numpy(np.array(arrays["about"][row][number])).float()
        folded = F.pixel_unshuffle(colours[None], 4)[0]
        patches = torch.cat([seen.permute(1, 2, 0), folded.permute(1, 2, 0), about], -1)
        assert patches.shape[-1] == PATCH_FEATURES
        return patches, question, target

    def collate(self, rows: list[Any]) -> dict[str, torch.Tensor]:
        patches, questions, targets = zip(*rows, strict=True)
        with torch.no_grad():
            words, mask, _ = self.pair.towers.token_vectors(questions)
        target = torch.from_numpy(np.stack(targets))
        return {"patches": torch.stack(patches), "words": words, "mask": mask, "target": target}


def phrases(composer: Composer, scene: Scene, seed: int) -> list[str]:
    """The phrases whose maps recipes.segmentation kept for this scene."""
    return Rows(None, composer).phrases(scene, np.random.default_rng(seed))


def asked(scene: Scene, phrase: str, rng: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """Questions about what the phrase names, with the answers' shares: all that can be asked of what is there, and one
    of what is not, as there are many such phrases."""
    mine = [thing for thing in scene.things if phrase in (thing.name, thing.group)]
    count = _words(rng, "count", phrase), _target(str(min(len(mine), MOST)))
    exists = _words(rng, "existence", phrase), _target("yes" if mine else "no")
    if not mine:
        return [exists if rng.random() < 0.7 else count]
    if len(mine) > 1:
        return [count, count, exists]
    sides, side = _sides(mine[0].box), str(rng.choice(POSITIONS))
    if rng.random() < 0.5:  # as often yes as no
        side = str(rng.choice(sides))
    asked = [count, exists, (_words(rng, "position", phrase), _target(*sides))]
    asked.append((_words(rng, "side", phrase, side), _target("yes" if side in sides else "no")))
    if colour := mine[0].colour:
        asked += [(_words(rng, "colour", phrase), _target(colour)) for _ in range(2)]
    return asked


def _sides(box: Sequence[int]) -> list[str]:
    """Where the middle of a box is: outside the inner third of a scene it is on a side, or on two."""
    x, y = (box[0] + box[2]) / 2 / SIDE, (box[1] + box[3]) / 2 / SIDE
    found = [
        side for side, there in zip(POSITIONS, (x < 1 / 3, x > 2 / 3, y < 1 / 3, y > 2 / 3), strict=False) if there
    ]
    return found or ["middle"]


def _words(rng: np.random.Generator, kind: str, phrase: str, side: str = "") -> str:
    article = "an" if phrase[0] in "aeiou" else "a"
    template = str(rng.choice(TEMPLATES[kind]))
    return template.format(a=f"{article} {phrase}", s=plural(phrase), the=phrase, side=side)


def _target(*answers: str) -> np.ndarray:
    """[len(ANSWERS)], adding up to 1."""
    target = np.zeros(len(ANSWERS), np.float32)
    target[[ANSWERS.index(answer) for answer in answers]] = 1 / len(answers)
    return target


def loss(model: FusionTransformer, batch: Any) -> torch.Tensor:
    logits = model(batch["words"], batch["mask"], batch["patches"]).logits
    return F.cross_entropy(logits, batch["target"])


@torch.no_grad()
def figures(reader: FusionTransformer, questions: Questions) -> dict[str, float]:
    """Accuracy by what the answer is: yes or no, a number, a colour, a side."""
    right: dict[str, list[bool]] = {}
    for start in range(0, len(questions), 64):
        rows = [questions[i] for i in range(start, min(start + 64, len(questions)))]
        batch = questions.collate(rows)
        found = reader(batch["words"], batch["mask"], batch["patches"]).logits.argmax(1)
        for answer, target in zip(found.tolist(), batch["target"], strict=True):
            kind = int(target.argmax())
            name = "yes or no" if kind < 2 else "number" if kind < 9 else "colour" if kind < 20 else "side"
            right.setdefault(name, []).append(bool(target[answer] > 0))
    return {name: float(np.mean(values)) for name, values in sorted(right.items())}


if __name__ == "__main__":
    main()
