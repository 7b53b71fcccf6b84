# SPDX-License-Identifier: Apache-2.0

"""Train assets/segmentation, the decoder that sharpens a phrase's similarity maps into masks.

    python -m recipes.segmentation --work SEGMENTATION_FOLDER

Two stages: composed scenes, whose masks are exact; then these mixed with photographs of the demo gallery. What those
show is known, but not where: where it does show something, the mask is that of the plain similarity map, spread and
cut at CUT of its peak; where it does not, it is empty. That teaches the decoder what photographs are like.

SEGMENTATION_FOLDER takes the package of cut-outs, features and checkpoints (about 4 GB); run it again to go on after an
interruption. About 90 minutes on two cores.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from core.assets import EMBEDDED_FOLDER, SEGMENTATION_FOLDER
from core.models.embedded.pair import EmbeddedPair
from core.models.layers.dense_features import CHANNELS, MAPS, encode, phrase_maps
from core.models.layers.mask_decoder import MapDecoder, MapDecoderConfig
from core.training.losses import mask_losses
from recipes._training import Row, filled, train
from recipes.photos import PROMPTS, Photos
from recipes.scenes import Composer, Scene

SCENES, APART, MIXED = 4000, 300, 1400  # MIXED scenes beside the photographs, each of those REPEATED
REPEATED, CUT = 4, 0.75
GRID = 56  # of the masks: stride 8 at 448 pixels
FINEST = "spread once more, finer, relative to its peak"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for what need not be kept")
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--epochs", type=float, default=3)
    args = parser.parse_args()
    pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
    arrays = filled(args.work / "segmentation", args.scenes, Rows(pair, Composer(args.work)))
    torch.manual_seed(0)
    decoder = MapDecoder(MapDecoderConfig())
    options = {"learning_rate": 2e-3, "per_device_train_batch_size": 8, "num_train_epochs": args.epochs}
    train(decoder, loss, Scenes(arrays), args.work / "segmentation-run", collate, **options)
    photos = Scenes(filled(args.work / "segmentation-photos", len(Photos()), PhotoRows(pair), every=20))
    some = torch.utils.data.Subset(Scenes(arrays), range(min(MIXED, len(arrays["maps"]))))
    mixed = torch.utils.data.ConcatDataset([some, *[photos] * REPEATED])
    composed = {name: weight.clone() for name, weight in decoder.state_dict().items()}
    options |= {"learning_rate": 5e-4, "num_train_epochs": 1}
    train(decoder, loss, mixed, args.work / "segmentation-mixed-run", collate, **options)
    # Halfway between both stages (Wortsman et al., arXiv 2109.01903): the second alone claims too much of what is absent.
    decoder.load_state_dict({name: (weight + composed[name]) / 2 for name, weight in decoder.state_dict().items()})
    decoder.half().save_pretrained(SEGMENTATION_FOLDER)
    apart = filled(args.work / "segmentation-apart", APART, Rows(pair, Composer(args.work, apart=True)))
    print("scenes kept apart:", figures(decoder.float(), Scenes(apart)))


class Rows:
    """Scene i: what the tower sees, the maps of PROMPTS phrases, and the mask of each."""

    def __init__(self, pair: EmbeddedPair, composer: Composer | None) -> None:
        self.pair, self.composer = pair, composer
        self.vectors: dict[str, torch.Tensor] = {}

    def __call__(self, seed: int) -> Row:
        scene = self.composer.scene(seed)
        phrases = self.phrases(scene, np.random.default_rng(seed))
        with torch.inference_mode():
            encoding = encode(self.pair.towers.vision.efficientnet_lite, self.pair.anchors.image, scene.image)
            maps = phrase_maps(
                encoding, torch.stack([self.vector(phrase) for phrase in phrases]), self.pair.anchors.mean_anchor
            )
        masks = [Image.fromarray(scene.mask(phrase).astype(np.uint8) * 255) for phrase in phrases]
        return _row(encoding, maps, [np.asarray(mask.resize((GRID, GRID), Image.Resampling.BOX)) for mask in masks])

    def phrases(self, scene: Scene, rng: np.random.Generator) -> list[str]:
        """Up to half of them name something that is there, now and then by its group; the others do not."""
        there = list(dict.fromkeys(thing.name for thing in scene.things))[: PROMPTS // 2]
        groups = {thing.name: thing.group for thing in scene.things}
        named = [groups[name] if groups[name] and rng.random() < 0.15 else name for name in there]
        return named + self.composer.absent(scene, rng, PROMPTS - len(named))

    def vector(self, phrase: str) -> torch.Tensor:
        if phrase not in self.vectors:
            self.vectors[phrase] = self.pair.embed_texts([f"a photo of a {phrase}"])[0]
        return self.vectors[phrase]


class PhotoRows:
    """Photograph i in the same form."""

    def __init__(self, pair: EmbeddedPair) -> None:
        self.pair, self.photos = pair, Photos()
        self.vector = Rows(pair, None).vector

    def __call__(self, row: int) -> Row:
        nouns = self.photos.phrases(row)
        with torch.inference_mode():
            encoding = encode(
                self.pair.towers.vision.efficientnet_lite, self.pair.anchors.image, self.photos.image(row)
            )
            maps = phrase_maps(
                encoding, torch.stack([self.vector(noun) for noun, _ in nouns]), self.pair.anchors.mean_anchor
            )
            spread = F.interpolate(maps[:, MAPS.index(FINEST)][None], size=(GRID, GRID), mode="bilinear")[0]
        there = torch.tensor([there for _, there in nouns])[:, None, None]
        return _row(encoding, maps, ((spread >= CUT) & there).numpy().astype(np.uint8) * 255)


def _row(encoding: Any, maps: torch.Tensor, masks: Any) -> Row:
    return {
        **{name.replace(" ", "_"): encoding[name].numpy().astype(np.float16) for name in CHANNELS},
        "maps": maps.numpy().astype(np.float16),
        "masks": np.stack(list(masks)),
    }


class Scenes(torch.utils.data.Dataset[Any]):
    def __init__(self, arrays: Row) -> None:
        self.arrays = arrays

    def __len__(self) -> int:
        return len(self.arrays["maps"])

    def __getitem__(self, row: int) -> Row:
        return {name: array[row] for name, array in self.arrays.items()}


def collate(rows: list[Row]) -> dict[str, torch.Tensor]:
    """Each prompt a row of its own: depths [n * PROMPTS, ...], maps [n * PROMPTS, channels, h, w], masks in 0..1."""
    batch = {name: torch.from_numpy(np.stack([row[name] for row in rows])).float() for name in rows[0]}
    depths = {name: batch.pop(name.replace(" ", "_")).repeat_interleave(PROMPTS, 0) for name in CHANNELS}
    return {"depths": depths, "maps": batch["maps"].flatten(0, 1), "masks": batch["masks"].flatten(0, 1) / 255}


def loss(model: MapDecoder, batch: Any) -> torch.Tensor:
    """Binary cross-entropy and, where there is something to find, soft dice; at both strides."""
    outputs, masks = model(batch["depths"], batch["maps"]), batch["masks"]
    coarse = F.avg_pool2d(masks, 2)
    return sum(mask_losses(outputs["logits"], masks)) + 0.4 * sum(mask_losses(outputs["stride 16"], coarse))


@torch.no_grad()
def figures(decoder: MapDecoder, scenes: Scenes, threshold: float = 0.5) -> dict[str, float]:
    """Mean IoU of what is there, and the share of the picture claimed for what is not."""
    ious, claimed = [], []
    for start in range(0, len(scenes), 8):
        batch = collate([scenes[i] for i in range(start, min(start + 8, len(scenes)))])
        found = decoder(batch["depths"], batch["maps"])["logits"].sigmoid() > threshold
        truth = batch["masks"] > 0.5
        there = truth.flatten(1).any(1)
        both, either = (found & truth)[there].flatten(1).sum(1), (found | truth)[there].flatten(1).sum(1)
        ious += (both / either).tolist()
        claimed += found[~there].float().flatten(1).mean(1).tolist()
    return {"mIoU": float(np.mean(ious)), "absent area": float(np.mean(claimed))}


if __name__ == "__main__":
    main()
