# SPDX-License-Identifier: Apache-2.0

"""The ability of models that write text and read no picture; those that do are in core/models/abilities.py."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from core.models.abilities import Model

if TYPE_CHECKING:
    from torch import Tensor


class LanguageModel(Model):
    """Writes captions token by token. Rows are token ids; a row begins with `end()` and a finished one ends with it."""

    @abstractmethod
    def end(self) -> int:
        """The id of the end of text."""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Their token ids, without an end at either side."""

    @abstractmethod
    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Their texts, without special tokens."""

    @abstractmethod
    def propose(
        self, rows: Sequence[Sequence[int]], k: int, recalled: Sequence[Mapping[int, float]] = (), weight: float = 0.0
    ) -> Proposal:
        """The k most probable next tokens of each row; all rows have one length. Where each row is one of the call before with
        one of the tokens proposed there, only these tokens are computed. With `recalled`, a distribution for each row, the
        probabilities are (1 - weight) times the model's plus weight times those; `weight` is in 0..1."""

    @abstractmethod
    def sample(
        self, n: int, top_k: int = 0, top_p: float = 1.0, temperature: float = 1.0, length: int = 32, seed: int = 0
    ) -> list[list[int]]:
        """n rows drawn from the model, without their ends."""

    @abstractmethod
    def likelihood(self, texts: Sequence[str]) -> Tensor:
        """[n]: the mean log probability of each text's tokens and of its end."""


class Proposal(NamedTuple):
    """[n, k] each, most probable first: `ids`, their `probabilities` over the whole vocabulary, what of these was
    `recalled`, and `penalties`, the largest cosine of the hidden state after a token with those before it (Su et al.,
    arXiv 2202.06417, equation 5). `alone` [n] is the token that is most probable without what is recalled,
    `alone_probabilities` [n] its probability."""

    ids: Tensor
    probabilities: Tensor
    recalled: Tensor
    penalties: Tensor
    alone: Tensor
    alone_probabilities: Tensor
