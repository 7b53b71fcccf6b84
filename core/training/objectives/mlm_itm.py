# SPDX-License-Identifier: Apache-2.0

"""Masked words with the picture, and match or no match: the pair of losses by which fusion transformers are trained."""

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

SHARE = 0.15  # of the words that are hidden, at least one of each text
SAME = 0.95  # cosine of two texts from which on they say the same: neither is wrong for the other's picture
HARD = 16.0  # by how much likelier a wrong pair is drawn the more it resembles


@dataclass(frozen=True)
class FusionConfig(Config):
    batch: int = option(16, "pairs in each update; texts and pictures of others are the wrong ones", 2, 1024)
    learning_rate: float = option(5e-4, "size of an update", 1e-7, 1.0)
    negatives: str = option(
        "random",
        "wrong pairs are drawn all alike; or hard, as ALBEF: the likelier the more they resemble, for captions that fit one picture alone",
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
of the word pieces are hidden before the text tower reads it. For each picture one text of the batch that says something else than its own is drawn, and
for each text one picture. The logit $z$ of a match starts as the embedded pair's own, of the
whole picture and of its likeliest place. **Loss**: the sum of both,
mlm $-\frac{1}{m}\sum_{\text{hidden}}\log p(w\mid\text{the other words, the picture})$ and
itm $-\frac{1}{3n}\sum\log\sigma(\pm z)$, plus for the own pairs and minus for the wrong ones. **Papers:**
[VisualBERT](https://arxiv.org/abs/1908.03557), [ViLT](https://arxiv.org/abs/2102.03334), [FLAVA](https://arxiv.org/abs/2112.04482),
[ALBEF](https://arxiv.org/abs/2107.07651) for hard negatives."""

    config: FusionConfig

    @torch.no_grad()
    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`ids` and `mask` [n, length] of the text's word pieces and `words` [n, length, 384], what the text tower makes of
        them; `patches` [n, GRID, GRID, PATCH_FEATURES] and `places` [n, GRID, GRID, anchors]; `image` and `text` [n, anchors], the embedded pair's unit vectors."""
        pair = self._pair
        rows = [self._row(pair, example) for example in examples]
        found = {name: torch.cat([row[name] for row in rows]) for name in ("patches", "places", "image", "text")}
        tokens = [pair.towers.question_tokens([example.text])["input_ids"][0] for example in examples]
        found["ids"] = pad_sequence(tokens, batch_first=True, padding_value=pair.towers.tokenizer.pad_token_id)
        found["mask"] = (found["ids"] != pair.towers.tokenizer.pad_token_id).long()
        found["words"] = pad_sequence([row["words"][0] for row in rows], batch_first=True)
        return {name: value.cpu() for name, value in found.items()}

    def learner(self, train: Batch) -> Fusion:
        pair = self._pair
        slope, bias = pair.scale().presence or (1.0, 0.0)
        model = new_matcher(VQA_FOLDER, (slope, bias - math.log(BASE_RATE / (1 - BASE_RATE))))
        return Fusion(model, pair.towers.text, pair.towers.tokenizer, self.config)

    def measure(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> dict[str, float]:
        """The share of hidden words that are found, and of pairs that are judged rightly: right and wrong ones count as
        much. Where all texts say the same there are no wrong pairs, and nothing can be said of how pairs are judged."""
        assert isinstance(learner, Fusion)
        here = learner.here(rows)
        logits, right, _ = learner.hidden_words(here)
        own, wrong = learner.outputs_of_many(rows)["match"], learner.wrong_pairs(here)
        results = {"masked-word accuracy": float((logits.argmax(1) == right).float().mean())}
        if len(wrong):
            judged_rightly = (own > 0).float().mean() + (wrong <= 0).float().mean().cpu()
            results = {"match accuracy": float(judged_rightly) / 2, **results}
        return results

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """The text with what was found in place of the hidden words, and the probability of the match."""
        assert isinstance(learner, Fusion)
        here = learner.here(rows)
        logits, _, hidden = learner.hidden_words(here)
        match, said, guesses = learner.outputs(rows)["match"].sigmoid(), [], iter(logits.argmax(1).tolist())
        for ids, there, places, p in zip(
            here["ids"].tolist(), here["mask"].bool().tolist(), hidden.tolist(), match, strict=True
        ):
            pieces = learner.tokenizer.convert_ids_to_tokens([i for i, known in zip(ids, there, strict=True) if known])
            marked = [
                f"[{learner.tokenizer.convert_ids_to_tokens(next(guesses))}]" if place else piece
                for piece, place in zip(pieces, places, strict=False)
            ]
            said.append(f"{' '.join(marked[1:-1]).replace(' ##', '')} (match {p:.0%})")
        return said

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, Fusion)
        learner.model.save_pretrained(folder)

    @cached_property
    def _pair(self) -> EmbeddedPair:
        """A copy for this run alone."""
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


class Fusion(Learner):
    """`text` is the frozen text tower, which reads the words that are left once others are hidden."""

    def __init__(self, model: ImageTextMatcher, text: nn.Module, tokenizer: Any, settings: FusionConfig) -> None:
        super().__init__()
        self.model, self.text, self.tokenizer, self.settings = model, text.requires_grad_(False), tokenizer, settings

    def here(self, batch: Batch) -> dict[str, Tensor]:
        """The batch on the model's device, in float32 where it was kept in float16."""
        return {
            name: value.to(self.model.device, torch.float32 if value.is_floating_point() else None)
            for name, value in batch.items()
        }

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        """Of each row's own pair the logit of a match."""
        rows = torch.arange(len(batch["ids"]), device=self.model.device)
        return {"match": self._match(self.here(batch), rows, rows)}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        here = self.here(batch)
        logits, right, _ = self.hidden_words(here)
        mlm = cross_entropy(logits, right)
        itm = match_loss(outputs["match"], self.wrong_pairs(here))
        return {"loss": mlm + itm, "mlm": mlm, "itm": itm}

    def hidden_words(self, here: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """([hidden, vocabulary] logits, [hidden] the right words' ids, [n, length] where they were)."""
        hidden = drawn_words(here["ids"], here["mask"])
        ids = here["ids"].masked_fill(hidden, self.tokenizer.mask_token_id)
        with torch.no_grad():
            words = self.text(input_ids=ids, attention_mask=here["mask"]).last_hidden_state
        seen, _ = self._read(words, here["mask"], here["patches"], words.new_zeros(len(words)))
        table = self.text.get_input_embeddings().weight  # type: ignore[operator]
        return self.model.word_logits(seen[hidden], table), here["ids"][hidden], hidden

    def wrong_pairs(self, here: Batch) -> Tensor:
        """Logits of a match of pictures with texts that are not theirs: up to two for each row of the batch."""
        cosines = here["image"] @ here["text"].T
        other = here["text"] @ here["text"].T < SAME
        weights = (HARD * cosines).softmax(1) if self.settings.negatives == "hard" else torch.ones_like(cosines)
        images, texts = drawn_pairs(weights, other, seed(here["ids"]))
        if not len(images):
            return cosines.new_zeros(0)
        return self._match(here, images, texts)

    def _match(self, here: Batch, images: Tensor, texts: Tensor) -> Tensor:
        """[m] logits for pairs of the batch, given as rows [m] of both."""
        patches, peak = with_similarity(here["patches"][images], here["places"][images], here["text"][texts])
        whole = (here["image"][images] * here["text"][texts]).sum(1)
        return self._read(here["words"][texts], here["mask"][texts], patches, (whole + peak) / 2)[1]

    def _read(self, *columns: Tensor) -> tuple[Tensor, Tensor]:
        """`ImageTextMatcher.fuse`, in chunks whose inner states are computed again on the way back."""
        size = self.chunk or len(columns[0])
        if len(columns[0]) <= size:
            found: tuple[Tensor, Tensor] = self.model.fuse(*columns)
            return found
        parts = zip(*(torch.split(column, size) for column in columns), strict=True)
        done = [checkpoint(self.model.fuse, *part, use_reentrant=False) for part in parts]
        hidden, match = (torch.cat(column) for column in zip(*done, strict=True))
        return hidden, match


def match_loss(own: Tensor, wrong: Tensor) -> Tensor:
    """Cross-entropy of match against no match, mean over own pairs [n] and wrong ones [m], given as logits."""
    logits = torch.cat([own, wrong])
    return binary_cross_entropy_with_logits(
        logits, (torch.arange(len(logits), device=logits.device) < len(own)).float()
    )


def seed(ids: Tensor) -> torch.Generator:
    """What is drawn for a batch depends on its texts alone: on nothing that a run cut off and resumed would have to keep,
    and not on how the batch is read in chunks."""
    return torch.Generator().manual_seed(int(ids.sum()))


def drawn_words(ids: Tensor, mask: Tensor) -> Tensor:
    """[n, length] of bool: SHARE of each row's word pieces, and at least one; neither the first nor the last, which stand for
    the whole."""
    chances = torch.rand(ids.shape, generator=seed(ids)).to(ids.device)
    last = mask.sum(1, keepdim=True) - 1
    places = torch.arange(ids.shape[1], device=ids.device)
    chances = chances.masked_fill((places == 0) | (places >= last), 2.0)
    count = ((last - 1) * SHARE).round().clamp_min(1)
    return (chances.argsort(1).argsort(1) < count) & (chances < 2.0)


def drawn_pairs(weights: Tensor, other: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(images, texts) [m] of int64: for each image a text and for each text an image, drawn by `weights` [n, n] among those
    that `other` [n, n] says are not its own; none where there is no other."""
    chances = ((weights + 1e-6) * other).cpu()
    rows, columns = (side.any(1).cpu().nonzero()[:, 0] for side in (other, other.T))
    if not len(rows):
        return rows.to(weights.device), columns.to(weights.device)
    texts = torch.multinomial(chances[rows], 1, generator=generator)[:, 0]
    images = torch.multinomial(chances.T[columns], 1, generator=generator)[:, 0]
    return torch.cat([rows, images]).to(weights.device), torch.cat([texts, columns]).to(weights.device)
