# SPDX-License-Identifier: Apache-2.0

"""The anchor pairs that join the two towers (ASIF: Norelli et al., arXiv 2210.01738).

The anchors are ImageNet's 1000 classes: the row of the classifier's weights that recognises a class stands in for
pictures of it, its name and its WordNet definition are its text. Nothing is fitted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from PIL.Image import Image

from core.assets import EMBEDDED_FOLDER
from core.models.embedded.questions import bare
from core.models.embedded.towers import Towers
from core.models.layers.asif import relative, sharpen

if TYPE_CHECKING:
    from torch import Tensor


class Anchors:
    """`image` [anchors, 1280] and `text` [anchors, 384], unit norm, both centred; `text_mean` [384], which texts are centred
    by; `mean_anchor` [anchors], the mean representation of all anchors' texts: what any name of an object resembles."""

    def __init__(self, towers: Towers) -> None:
        from safetensors.torch import load_file
        from torch.nn.functional import normalize

        self.towers = towers
        stored = load_file(EMBEDDED_FOLDER / "anchors.safetensors", device=str(towers.device))
        self.text, self.text_mean = stored["text"], stored["text_mean"]
        rows = towers.vision.classifier.weight.detach()
        self.image = normalize(rows - rows.mean(0), dim=1)
        self.mean_anchor = relative(self.text, self.text).mean(0)

    def embed_images(self, images: Sequence[Image]) -> Tensor:
        """[n, anchors] on the CPU: relative representations, unit norm."""
        return sharpen(self.compare_images(images))

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """[n, anchors] on the CPU: relative representations, unit norm."""
        return sharpen(self.compare_texts(texts))

    def phrase_vectors(self, phrases: Sequence[str]) -> Tensor:
        """[n, anchors] on the towers' device, unit norm: each phrase in the sentence that classification uses, too."""
        return self.embed_texts([f"a photo of a {bare(phrase)}" for phrase in phrases]).to(self.towers.device)

    def compare_images(self, images: Sequence[Image], added: Sequence[Image] = ()) -> Tensor:
        """[n, anchors + added] on the CPU: cosines with the anchors' pictures, and with those that a visitor adds."""
        import torch
        from torch.nn.functional import normalize

        anchors = self.image
        if added:  # centred, as the classifier's rows are
            anchors = torch.cat([anchors, normalize(self.towers.image_vectors(added) - self.image_mean, dim=1)])
        return self.towers.image_vectors(images).mm(anchors.T).cpu()

    def compare_texts(self, texts: Sequence[str], added: Sequence[str] = ()) -> Tensor:
        """[n, anchors + added] on the CPU: cosines with the anchors' texts, and with added ones."""
        import torch

        anchors = torch.cat([self.text, self.centred(added)]) if added else self.text
        return self.centred(texts).mm(anchors.T).cpu()

    def centred(self, texts: Sequence[str]) -> Tensor:
        """[n, 384], unit norm: without what every sentence about a photograph shares."""
        from torch.nn.functional import normalize

        return normalize(self.towers.text_vectors(texts) - self.text_mean, dim=1)

    @cached_property
    def image_mean(self) -> Tensor:
        """[1280]: the mean of the demo gallery's picture vectors, by recipes/image_mean.py."""
        from safetensors.torch import load_file

        return load_file(EMBEDDED_FOLDER / "image_mean.safetensors", device=str(self.towers.device))["mean"]

    def names(self) -> list[str]:
        """ImageNet's name of each class, in the order of `image` and `text`."""
        return [anchor["name"] for anchor in json.loads((EMBEDDED_FOLDER / "anchors.json").read_text())]
