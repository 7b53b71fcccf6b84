# SPDX-License-Identifier: Apache-2.0

"""What the small fusion transformer answers by itself: words and patches of the picture in one sequence, as ViLT (Kim et al.,
arXiv 2102.03334)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.assets import VQA_FOLDER
from core.models.abilities import Attribution
from core.models.embedded.answers.kind import parse
from core.models.embedded.segmenter import Encoding, MapSegmenter
from core.models.layers.top_answers import top_answers

if TYPE_CHECKING:
    from torch import Tensor


class FusionAnswerer:
    """Without a `transformer` it is the one that comes with the lab, read when first needed."""

    def __init__(self, segmenter: MapSegmenter, transformer: Any = None) -> None:
        self.segmenter, self.towers, self.anchors = segmenter, segmenter.towers, segmenter.anchors
        if transformer is not None:
            self.transformer = transformer.to(self.towers.device)

    @cached_property
    def transformer(self) -> Any:
        from core.models.layers.fusion_transformer import load_fusion_transformer

        return load_fusion_transformer(VQA_FOLDER).to(self.towers.device)

    def inputs(self, encoding: Encoding, question: str) -> dict[str, Tensor]:
        """The transformer's arguments: `words` [1, length, 384], `mask` [1, length] and `patches` [1, h, w, PATCH_FEATURES], on its
        device. Also a question about one side is given the whole picture: where to attend is learned."""
        from core.models.layers.fusion_transformer import patch_features

        here = {name: value.to(self.towers.device) for name, value in encoding.items()}
        maps = self.segmenter.maps(here, self.anchors.phrase_vectors([parse(question).phrase or "thing"]))
        probabilities = self.segmenter.probabilities(here, maps)
        words, mask, _ = self.towers.token_vectors([question])
        return {"words": words, "mask": mask, "patches": patch_features(here, maps, probabilities)}

    def logits(self, encoding: Encoding, question: str) -> Tensor:
        """[answers] float32."""
        found: Tensor = self.transformer(**self.inputs(encoding, question)).logits[0].float()
        return found

    def top(self, logits: Tensor) -> dict[str, float]:
        """The likeliest answers and their probabilities, likeliest first."""
        return top_answers(logits, self.transformer.config.id2label)

    def attribution(self, encoding: Encoding, question: str, shuffled: bool = False) -> Attribution:
        """Of its own first answer to the patches, word by word; see `abilities.AttentiveAnswerer`."""
        import torch

        from core.models.layers.attribution import shuffled_copy, single_stream_attribution, word_maps

        inputs = self.inputs(encoding, question)
        answer = int(self.transformer(**inputs).logits[0].argmax())
        _, _, offsets = self.towers.token_vectors([question])
        with torch.inference_mode(False), torch.enable_grad():
            transformer = shuffled_copy(self.transformer) if shuffled else self.transformer
            own = {name: value.clone() for name, value in inputs.items()}
            own["patches"].requires_grad_()
            outputs = transformer(**own, output_attentions=True)
            found = single_stream_attribution(outputs.logits[0, answer], outputs.attentions)
        height, width = encoding["stride 32"].shape[1:]
        return word_maps(found, question, offsets[0].tolist(), (height, width))
