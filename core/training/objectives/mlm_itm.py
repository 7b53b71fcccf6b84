# SPDX-License-Identifier: Apache-2.0

"""Masked language modelling given a picture, and image-text matching: the two losses by which fusion transformers are trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.nn.utils.rnn import pad_sequence
from torch.utils.checkpoint import checkpoint

from core.assets import EMBEDDED_FOLDER, VQA_FOLDER
from core.models.embedded.pair import EmbeddedPair
from core.models.embedded.presence import BASE_RATE
from core.models.layers.image_text_matcher import ImageTextMatcher, image_patches, new_matcher, with_similarity
from core.training import register
from core.training.objective import Batch, Config, Example, Learner, Objective, option

MASKED_SHARE = 0.15  # of the word pieces of a text, at least one (Devlin et al., arXiv 1810.04805, section 3.1)
SAME_TEXT = (
    0.95  # cosine of two texts from which on they are paraphrases: neither is a negative for the other's picture
)
HARDNESS = 16.0  # negatives are drawn in proportion to exp(HARDNESS * cosine)


@dataclass(frozen=True)
class FusionConfig(Config):
    batch: int = option(16, "pairs in each step; negatives are drawn within the batch", 2, 1024)
    learning_rate: float = option(5e-4, "how far each step changes the weights", 1e-7, 1.0)
    negatives: str = option(
        "random",
        "drawn uniformly; or hard, as ALBEF: the likelier the more similar, for captions that describe one picture only",
        of=("random", "hard"),
    )


@register
class MaskedAndMatched(Objective):
    name = "mlm-itm"
    title = "Masked words and matching (ViLT, VisualBERT, FLAVA)"
    order = 50
    needs = ("image", "text")
    metric = "match accuracy"
    Config = FusionConfig
    about = r"""**Learned:** the shipped fusion transformer, with a head for each loss. **Frozen:** both towers. Of each text 15 %
of the word pieces are masked before the text tower reads it. For each picture a negative text, no paraphrase of its own, is drawn from
the batch, and for each text a negative picture. The logit $z$ of a match starts as the embedded pair's own similarity, of the
whole picture and of its most similar place. **Loss**: the sum of both,
mlm $-\frac{1}{m}\sum_{\text{masked}}\log p(w\mid\text{the other words, the picture})$ and
itm $-\frac{1}{3n}\sum\log\sigma(\pm z)$, plus for positives and minus for negatives. **Papers:**
[VisualBERT](https://arxiv.org/abs/1908.03557), [ViLT](https://arxiv.org/abs/2102.03334), [FLAVA](https://arxiv.org/abs/2112.04482),
[ALBEF](https://arxiv.org/abs/2107.07651) for hard negatives."""

    config: FusionConfig

    @torch.no_grad()
    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`ids` and `mask` [n, length] of the text's word pieces and `words` [n, length, 384] float16, their vectors by the text
        tower; `patches` [n, PATCH_GRID, PATCH_GRID, PATCH_FEATURES] and `places` [n, PATCH_GRID, PATCH_GRID, anchors], float16, of `image_patches`;
        `image` and `text` [n, anchors], the embedded pair's vectors of unit norm."""
        pair = self._pair
        rows = [self._row(pair, example) for example in examples]
        found = {name: torch.cat([row[name] for row in rows]) for name in ("patches", "places", "image", "text")}
        tokens = [pair.towers.question_tokens([example.text])["input_ids"][0] for example in examples]
        found["ids"] = pad_sequence(tokens, batch_first=True, padding_value=pair.towers.tokenizer.pad_token_id)
        found["mask"] = (found["ids"] != pair.towers.tokenizer.pad_token_id).long()
        found["words"] = pad_sequence([row["words"][0] for row in rows], batch_first=True)
        return {name: value.cpu() for name, value in found.items()}

    def learner(self, train: Batch) -> FusionLearner:
        pair = self._pair
        slope, bias = pair.scale().presence or (1.0, 0.0)
        model = new_matcher(VQA_FOLDER, (slope, bias - math.log(BASE_RATE / (1 - BASE_RATE))))
        return FusionLearner(model, pair.towers.text, pair.towers.tokenizer, self.config)

    def measure(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> dict[str, float]:
        """`masked-word accuracy`, the share in 0..1 of masked word pieces that are predicted, and `match accuracy`, the mean of
        the shares of positives and of negatives that are classified rightly; without it where all texts are paraphrases, so that
        there are no negatives."""
        assert isinstance(learner, FusionLearner)
        here = learner.on_device(rows)
        logits, right, _ = learner.masked_words(here)
        own, wrong = learner.outputs_of_many(rows)["match"], learner.negatives(here)
        results = {"masked-word accuracy": float((logits.argmax(1) == right).float().mean())}
        if len(wrong):
            both_rates = (own > 0).float().mean() + (wrong <= 0).float().mean().cpu()
            results = {"match accuracy": float(both_rates) / 2, **results}
        return results

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """The text with the predicted word pieces, in brackets, in place of the masked ones, and the probability of a match."""
        assert isinstance(learner, FusionLearner)
        here = learner.on_device(rows)
        logits, _, masked = learner.masked_words(here)
        match, predicted, guesses = learner.outputs(rows)["match"].sigmoid(), [], iter(logits.argmax(1).tolist())
        for ids, present, is_masked, p in zip(
            here["ids"].tolist(), here["mask"].bool().tolist(), masked.tolist(), match, strict=True
        ):
            pieces = learner.tokenizer.convert_ids_to_tokens([i for i, real in zip(ids, present, strict=True) if real])
            shown = [
                f"[{learner.tokenizer.convert_ids_to_tokens(next(guesses))}]" if guessed else piece
                for piece, guessed in zip(pieces, is_masked, strict=False)
            ]
            predicted.append(f"{' '.join(shown[1:-1]).replace(' ##', '')} (match {p:.0%})")
        return predicted

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, FusionLearner)
        learner.model.save_pretrained(folder)

    @cached_property
    def _pair(self) -> EmbeddedPair:
        """A copy for this run alone, whose tensors may take part in gradients."""
        with torch.inference_mode(False):
            return EmbeddedPair.load(EMBEDDED_FOLDER, torch.device(self.models.engine.device.name), torch.float32)

    def _row(self, pair: EmbeddedPair, example: Example) -> dict[str, Tensor]:
        picture = example.picture()
        patches, places = image_patches(pair.towers.vision.efficientnet_lite, pair.anchors.image, picture)
        return {
            "patches": patches.half(),
            "places": places.half(),
            "words": pair.towers.token_vectors([example.text])[0].half(),
            "image": pair.embed_images([picture]),
            "text": pair.embed_texts([example.text]),
        }


class FusionLearner(Learner):
    """`model` is trained; `text` is the frozen text tower, which reads the texts with their masked word pieces."""

    def __init__(self, model: ImageTextMatcher, text: nn.Module, tokenizer: Any, settings: FusionConfig) -> None:
        super().__init__()
        self.model, self.text, self.tokenizer, self.settings = model, text.requires_grad_(False), tokenizer, settings

    def on_device(self, batch: Batch) -> dict[str, Tensor]:
        """The batch on the model's device, in float32 where it was kept in float16."""
        return {
            name: value.to(self.model.device, torch.float32 if value.is_floating_point() else None)
            for name, value in batch.items()
        }

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        """`match` [n], the logit of a match of each row's own picture and text."""
        rows = torch.arange(len(batch["ids"]), device=self.model.device)
        return {"match": self._match(self.on_device(batch), rows, rows)}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        here = self.on_device(batch)
        logits, right, _ = self.masked_words(here)
        mlm = cross_entropy(logits, right)
        itm = match_loss(outputs["match"], self.negatives(here))
        return {"loss": mlm + itm, "mlm": mlm, "itm": itm}

    def masked_words(self, here: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """(logits [masked, vocabulary], the true ids [masked], which word pieces are masked [n, length] of bool)."""
        masked = draw_masked(here["ids"], here["mask"])
        ids = here["ids"].masked_fill(masked, self.tokenizer.mask_token_id)
        with torch.no_grad():
            words = self.text(input_ids=ids, attention_mask=here["mask"]).last_hidden_state
        states, _ = self._fuse(words, here["mask"], here["patches"], words.new_zeros(len(words)))
        table = self.text.get_input_embeddings().weight  # type: ignore[operator]
        return self.model.word_logits(states[masked], table), here["ids"][masked], masked

    def negatives(self, here: Batch) -> Tensor:
        """Logits of a match of negatives, [m]: up to two for each row of the batch, drawn as in ALBEF (Li et al., arXiv 2107.07651,
        section 3.2) where they are to be hard."""
        cosines = here["image"] @ here["text"].T
        other = here["text"] @ here["text"].T < SAME_TEXT
        weights = (HARDNESS * cosines).softmax(1) if self.settings.negatives == "hard" else torch.ones_like(cosines)
        images, texts = draw_negatives(weights, other, generator_for(here["ids"]))
        if not len(images):
            return cosines.new_zeros(0)
        return self._match(here, images, texts)

    def _match(self, here: Batch, images: Tensor, texts: Tensor) -> Tensor:
        """Logits [m] of pairs within the batch: pictures of the rows `images` [m] with texts of the rows `texts` [m]."""
        patches, peak = with_similarity(here["patches"][images], here["places"][images], here["text"][texts])
        whole = (here["image"][images] * here["text"][texts]).sum(1)
        return self._fuse(here["words"][texts], here["mask"][texts], patches, (whole + peak) / 2)[1]

    def _fuse(self, *columns: Tensor) -> tuple[Tensor, Tensor]:
        """`ImageTextMatcher.fuse`, in chunks whose activations are computed again in the backward pass, as in `Learner`."""
        size = self.chunk or len(columns[0])
        if len(columns[0]) <= size:
            found: tuple[Tensor, Tensor] = self.model.fuse(*columns)
            return found
        parts = zip(*(torch.split(column, size) for column in columns), strict=True)
        done = [checkpoint(self.model.fuse, *part, use_reentrant=False) for part in parts]
        hidden, match = (torch.cat(column) for column in zip(*done, strict=True))
        return hidden, match


def match_loss(own: Tensor, wrong: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over the logits of positives `own` [n] and of negatives `wrong` [m]."""
    logits = torch.cat([own, wrong])
    return binary_cross_entropy_with_logits(
        logits, (torch.arange(len(logits), device=logits.device) < len(own)).float()
    )


def generator_for(ids: Tensor) -> torch.Generator:
    """Random numbers for a batch, seeded by its texts alone: so a resumed run draws the same as one that was never interrupted, and
    chunks the same as the whole batch."""
    return torch.Generator().manual_seed(int(ids.sum()))


def draw_masked(ids: Tensor, mask: Tensor) -> Tensor:
    """[n, length] of bool: MASKED_SHARE of each row's word pieces, at least one, and never [CLS] or [SEP]. `mask` [n, length] is 1
    for word pieces and 0 for padding."""
    chances = torch.rand(ids.shape, generator=generator_for(ids)).to(ids.device)
    last = mask.sum(1, keepdim=True) - 1
    places = torch.arange(ids.shape[1], device=ids.device)
    chances = chances.masked_fill((places == 0) | (places >= last), 2.0)
    count = ((last - 1) * MASKED_SHARE).round().clamp_min(1)
    return (chances.argsort(1).argsort(1) < count) & (chances < 2.0)


def draw_negatives(weights: Tensor, other: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(rows of pictures, rows of texts), [m] int64 each: for each picture a negative text and for each text a negative picture, drawn
    with probabilities in proportion to `weights` [n, n] among those that `other` [n, n] allows; none where it allows none."""
    chances = ((weights + 1e-6) * other).cpu()
    rows, columns = (side.any(1).cpu().nonzero()[:, 0] for side in (other, other.T))
    if not len(rows):
        return rows.to(weights.device), columns.to(weights.device)
    texts = torch.multinomial(chances[rows], 1, generator=generator)[:, 0]
    images = torch.multinomial(chances.T[columns], 1, generator=generator)[:, 0]
    return torch.cat([rows, images]).to(weights.device), torch.cat([texts, columns]).to(weights.device)
