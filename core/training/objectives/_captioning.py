# SPDX-License-Identifier: Apache-2.0

"""What the objectives that train captioners share: their features, the loss, the metrics, and how captions are predicted and saved."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.models.layers.grid_captioner import IGNORED, CaptionNetwork, beam_search, caption_tokenizer, save_network
from core.training.objective import Batch, Example, Learner, Objective

MAX_TOKENS = 40  # of a caption, with the end-of-text token before and after it; longer captions are cut
MAX_MEASURED = 100  # held-out examples that are captioned at each evaluation


class CaptionLearner(Learner):
    """Language modelling given a picture: -log p(y_t | v, y_<t), the mean over all tokens of the batch. Batches are those of
    `GridCaptionObjective.encode`."""

    def __init__(self, network: CaptionNetwork) -> None:
        super().__init__()
        self.network = network

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        ids = without_padding(batch["ids"])
        return token_losses(self.network(batch["grid"].float(), decoder_inputs(ids)), ids)

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {"loss": outputs["losses"].sum() / outputs["tokens"].sum()}


def without_padding(ids: Tensor) -> Tensor:
    """`ids` [n, MAX_TOKENS] without the columns that are IGNORED in every row: [n, length of the longest caption]."""
    return ids[:, : int((ids != IGNORED).sum(1).max())]


def decoder_inputs(ids: Tensor) -> Tensor:
    """What the language model reads to predict `ids[:, 1:]`: `ids` [n, length] without the last column, and with token 0, whose loss is
    not counted, for IGNORED: [n, length - 1]."""
    return ids[:, :-1].clamp_min(0)


def token_losses(logits: Tensor, ids: Tensor) -> dict[str, Tensor]:
    """`losses` [n], the cross-entropy summed over the tokens of each row, and `tokens` [n], their number. `logits` [n, length - 1,
    vocabulary] predict `ids[:, 1:]` of `ids` [n, length]; IGNORED ones do not count."""
    each = cross_entropy(logits.transpose(1, 2), ids[:, 1:], ignore_index=IGNORED, reduction="none")
    return {"losses": each.sum(1), "tokens": (ids[:, 1:] != IGNORED).sum(1)}


class CaptionObjective(Objective):
    """Trains a captioner with the vocabulary of the caption language model that ships."""

    needs: ClassVar[tuple[str, ...]] = ("image", "text")
    metric = "words in common"

    @cached_property
    def tokenizer(self) -> Any:
        return caption_tokenizer()

    def measure(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> dict[str, float]:
        """Of the first MAX_MEASURED examples: `words in common`, the mean `word_f1` of predicted and given caption; where
        examples have labels, `names the object`, the share in 0..1 of captions that mention the label."""
        predicted = self.predict(learner, rows, examples[:MAX_MEASURED])
        figures = {"words in common": _mean([word_f1(a, b.text) for a, b in zip(predicted, examples, strict=False)])}
        labelled = [(text, example.label) for text, example in zip(predicted, examples, strict=False) if example.label]
        if labelled:
            figures["names the object"] = _mean([mentions(text, label) for text, label in labelled])
        return figures


class GridCaptionObjective(CaptionObjective):
    """A captioner over the embedded vision tower's grid of features; a subclass gives its `network`."""

    @abstractmethod
    def network(self) -> CaptionNetwork:
        """A new one, its frozen parts with requires_grad False."""

    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`grid` [n, 81, 1280] float16, the vision tower's features at 9 x 9 places, row by row; `ids` [n, MAX_TOKENS] of the
        captions."""
        grids = [self.models.call(self.base, "grid", example.picture()).half().cpu() for example in examples]
        return {"grid": torch.stack(grids), "ids": token_rows(self.tokenizer, [example.text for example in examples])}

    def learner(self, train: Batch) -> Learner:
        return CaptionLearner(self.network())

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """Captions by greedy decoding."""
        device = next(learner.parameters()).device
        assert isinstance(learner, CaptionLearner)
        written = beam_search(learner.network, rows["grid"][: len(examples)].to(device).float())
        return decoded(self.tokenizer, [best for [(best, _)] in written])

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, CaptionLearner)
        save_network(learner.network, folder)


def token_rows(tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """[n, MAX_TOKENS]: the end-of-text token, the caption's tokens, the end-of-text token, then IGNORED. In lower case and without a
    full stop, as the caption language model was trained."""
    end, rows = tokenizer.eos_token_id, torch.full((len(texts), MAX_TOKENS), IGNORED)
    for row, text in zip(rows, texts, strict=True):
        plain = " ".join(text.lower().split()).rstrip(" .")
        tokens = [end, *tokenizer(plain)["input_ids"][: MAX_TOKENS - 2], end]
        row[: len(tokens)] = torch.tensor(tokens)
    return rows


def decoded(tokenizer: Any, rows: Sequence[Sequence[int]]) -> list[str]:
    """The texts of rows of token ids, without special tokens, in one line each."""
    return [" ".join(tokenizer.decode(row, skip_special_tokens=True).split()) for row in rows]


def mentions(text: str, label: str) -> bool:
    """Whether the text contains the label as whole words, in any case."""
    return re.search(rf"\b{re.escape(label.lower())}\b", text.lower()) is not None


def word_f1(predicted: str, wanted: str) -> float:
    """F1 in 0..1 of the words of two captions as multisets, in any case (as SQuAD's: Rajpurkar et al., arXiv 1606.05250)."""
    a, b = (Counter(re.findall(r"\w+", text.lower())) for text in (predicted, wanted))
    return 2 * sum((a & b).values()) / max(1, sum(a.values()) + sum(b.values()))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
