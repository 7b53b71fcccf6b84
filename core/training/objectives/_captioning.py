# SPDX-License-Identifier: Apache-2.0

"""What the objectives share that make captioners: what they read, the loss, and how captions are measured, shown and kept."""

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

LONGEST = 40  # tokens of a caption that are read, its two ends among them
MEASURED = 100  # held-out examples that are captioned at each evaluation


class CaptionLearner(Learner):
    def __init__(self, network: CaptionNetwork) -> None:
        super().__init__()
        self.network = network

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        ids = trimmed(batch["ids"])
        return token_losses(self.network(batch["grid"].float(), inputs(ids)), ids)

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {"loss": outputs["losses"].sum() / outputs["tokens"].sum()}


def trimmed(ids: Tensor) -> Tensor:
    """[n, length] up to the end of the longest caption: what lies beyond is no work."""
    return ids[:, : int((ids != IGNORED).sum(1).max())]


def inputs(ids: Tensor) -> Tensor:
    """[n, length] with IGNORED after each caption -> [n, length - 1]: what a language model reads."""
    return ids[:, :-1].clamp_min(0)


def token_losses(logits: Tensor, ids: Tensor) -> dict[str, Tensor]:
    """Of each row the sum over its tokens of the cross-entropy, `losses` [n], and their number, `tokens` [n]. `logits` [n,
    length - 1, vocabulary] are those of the token after each of `ids` [n, length]."""
    each = cross_entropy(logits.transpose(1, 2), ids[:, 1:], ignore_index=IGNORED, reduction="none")
    return {"losses": each.sum(1), "tokens": (ids[:, 1:] != IGNORED).sum(1)}


class CaptionObjective(Objective):
    """Writes with the caption language model's words."""

    needs: ClassVar[tuple[str, ...]] = ("image", "text")
    metric = "words in common"

    @cached_property
    def tokenizer(self) -> Any:
        return caption_tokenizer()

    def measure(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> dict[str, float]:
        """`words in common` with the caption of the data, F1 in 0..1; where examples have labels, `names the object`: the
        share of captions in which the label stands. Of the first MEASURED examples."""
        said = self.predict(learner, rows, examples[:MEASURED])
        figures = {"words in common": _mean([overlap(a, b.text) for a, b in zip(said, examples, strict=False)])}
        labelled = [(text, example.label) for text, example in zip(said, examples, strict=False) if example.label]
        if labelled:
            figures["names the object"] = _mean([names(text, label) for text, label in labelled])
        return figures


class GridCaptionObjective(CaptionObjective):
    """Over `grid` [n, 81, 1280] float16 of the embedded vision tower; `ids` [n, LONGEST] are the captions."""

    @abstractmethod
    def network(self) -> CaptionNetwork: ...

    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        grids = [self.models.call(self.base, "grid", example.picture()).half().cpu() for example in examples]
        return {"grid": torch.stack(grids), "ids": token_rows(self.tokenizer, [example.text for example in examples])}

    def learner(self, train: Batch) -> Learner:
        return CaptionLearner(self.network())

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """The greedy captions."""
        device = next(learner.parameters()).device
        assert isinstance(learner, CaptionLearner)
        written = beam_search(learner.network, rows["grid"][: len(examples)].to(device).float())
        return decoded(self.tokenizer, [best for [(best, _)] in written])

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, CaptionLearner)
        save_network(learner.network, folder)


def token_rows(tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """[n, LONGEST]: begun and ended by the token that ends a caption, then IGNORED. As the caption language model was trained:
    in lower case, without a full stop."""
    end, rows = tokenizer.eos_token_id, torch.full((len(texts), LONGEST), IGNORED)
    for row, text in zip(rows, texts, strict=True):
        plain = " ".join(text.lower().split()).rstrip(" .")
        tokens = [end, *tokenizer(plain)["input_ids"][: LONGEST - 2], end]
        row[: len(tokens)] = torch.tensor(tokens)
    return rows


def decoded(tokenizer: Any, rows: Sequence[Sequence[int]]) -> list[str]:
    return [" ".join(tokenizer.decode(row, skip_special_tokens=True).split()) for row in rows]


def names(text: str, label: str) -> bool:
    """Whether the label stands in the text, as whole words."""
    return re.search(rf"\b{re.escape(label.lower())}\b", text.lower()) is not None


def overlap(said: str, wanted: str) -> float:
    """F1 of the words, each counted as often as in both."""
    a, b = (Counter(re.findall(r"\w+", text.lower())) for text in (said, wanted))
    return 2 * sum((a & b).values()) / max(1, sum(a.values()) + sum(b.values()))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
