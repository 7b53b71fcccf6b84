# SPDX-License-Identifier: Apache-2.0

"""GPT-2 (Radford et al., 2019), trained on captions without pictures, for decoders with one token of lookahead.

What contrastive search and MaGiC need at each step, the k most probable next tokens and the hidden state after each of them, is
one pass over k tokens that attend to the prefix and to themselves, not k copies of the prefix; the winner's keys and values are then
already there, and the vocabulary head is run on its hidden state alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.assets import CAPTIONER_FOLDER
from core.models.family import CAPTIONER, Family, Spec, register
from core.models.language_model import LanguageModel, Proposal
from core.models.loading import from_folder, weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

CITATION = "Su et al., 2022, arXiv 2205.02655"
MAX_LOOKAHEADS = 8  # captions in progress whose last step is kept


@dataclass(eq=False)
class _Lookahead:
    """One token of lookahead for `rows` of equal length: `cache` holds their keys and values and then those of `ids` [n, k];
    `hidden` [n, length, d] are the hidden states of the rows, `next` [n, k, d] those after each id."""

    rows: list[tuple[int, ...]]
    cache: Any
    hidden: Tensor
    ids: Tensor
    next: Tensor


class GPT2(LanguageModel):
    """GPT2LMHeadModel and its tokenizer. The captioner that comes with the lab runs in float32 on every device."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self._ahead: deque[_Lookahead] = deque(maxlen=MAX_LOOKAHEADS)

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> GPT2:
        import torch
        from transformers import AutoTokenizer, GPT2LMHeadModel

        model = (
            from_folder(GPT2LMHeadModel, path, torch.float32 if path == CAPTIONER_FOLDER else dtype).to(device).eval()
        )
        return cls(model, AutoTokenizer.from_pretrained(path, local_files_only=True))

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.model)

    def end(self) -> int:
        return int(self.model.config.eos_token_id)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.tokenizer(text)["input_ids"] for text in texts]

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        texts = self.tokenizer.batch_decode([list(row) for row in rows], skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]

    def propose(
        self,
        rows: Sequence[Sequence[int]],
        k: int,
        recalled: Sequence[Mapping[int, float]] = (),
        weight: float = 0.0,
    ) -> Proposal:
        import torch

        wanted = [tuple(row) for row in rows]
        cache, hidden = self._continued(wanted) or self._begun(wanted)
        own = self.model.lm_head(hidden[:, -1]).float().softmax(-1)
        alone_probabilities, alone = own.max(-1)
        added = torch.zeros_like(own)
        for row, known in enumerate(recalled):
            own[row] *= 1 - weight
            added[row, list(known)] = weight * torch.tensor(list(known.values()), device=own.device)
        probabilities, ids = (own + added).topk(k)
        n, length, _ = hidden.shape
        # Each candidate attends to the row before it and to itself.
        itself = torch.eye(k, dtype=torch.bool, device=ids.device)
        visible = torch.cat([itself.new_ones(k, length), itself], 1).expand(n, 1, -1, -1)
        mask = torch.zeros(visible.shape, dtype=hidden.dtype, device=ids.device).masked_fill(
            ~visible, torch.finfo(hidden.dtype).min
        )
        output = self.model.transformer(
            input_ids=ids,
            past_key_values=cache,
            attention_mask=mask,
            position_ids=torch.full_like(ids, length),
            use_cache=True,
        )
        after = output.last_hidden_state
        self._ahead.append(_Lookahead(wanted, output.past_key_values, hidden, ids, after))
        unit = torch.nn.functional.normalize
        penalties = (unit(after.float(), dim=-1) @ unit(hidden.float(), dim=-1).transpose(1, 2)).amax(-1)
        found = (ids, probabilities, added.gather(1, ids), penalties, alone, alone_probabilities)
        return Proposal(*(part.cpu() for part in found))

    def _begun(self, rows: list[tuple[int, ...]]) -> tuple[Any, Tensor]:
        """(keys and values, hidden states [n, length, d]) of rows that no earlier step led to."""
        import torch

        ids = torch.tensor(rows, device=self.model.device)
        output = self.model.transformer(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True)
        return output.past_key_values, output.last_hidden_state

    def _continued(self, rows: list[tuple[int, ...]]) -> tuple[Any, Tensor] | None:
        """The same from the step before, if every row is one of its rows with one of its candidates."""
        import torch

        ahead = next((one for one in self._ahead if rows[0][:-1] in one.rows), None)
        if ahead is None:
            return None
        self._ahead.remove(ahead)  # its cache is changed here
        places = {row: i for i, row in enumerate(ahead.rows)}
        candidates = ahead.ids.tolist()
        chosen = []
        for row in rows:
            place = places.get(row[:-1])
            if place is None or row[-1] not in candidates[place]:
                return None
            chosen.append((place, candidates[place].index(row[-1])))
        at, winner = torch.tensor(chosen, device=ahead.ids.device).unbind(1)
        length = ahead.hidden.shape[1]
        for layer in ahead.cache.layers:
            layer.keys, layer.values = (
                torch.cat([part[at, :, :length], part[at, :, length + winner][:, :, None]], 2)
                for part in (layer.keys, layer.values)
            )
        return ahead.cache, torch.cat([ahead.hidden[at], ahead.next[at, winner][:, None]], 1)

    def sample(
        self, n: int, top_k: int = 0, top_p: float = 1.0, temperature: float = 1.0, length: int = 32, seed: int = 0
    ) -> list[list[int]]:
        import torch

        start = torch.full((n, 1), self.end(), device=self.model.device)
        with torch.random.fork_rng(devices=[start.device] if start.is_cuda else []):
            torch.manual_seed(seed)
            rows = self.model.generate(
                start,
                attention_mask=torch.ones_like(start),
                do_sample=True,
                top_k=top_k,
                top_p=top_p,
                temperature=temperature,
                max_new_tokens=length,
                pad_token_id=self.end(),
            )
        return [self._cut(row) for row in rows[:, 1:].tolist()]

    def _cut(self, row: list[int]) -> list[int]:
        """Up to the end of the text."""
        return row[: row.index(self.end())] if self.end() in row else row

    def likelihood(self, texts: Sequence[str]) -> Tensor:
        import torch

        rows = [[self.end(), *row, self.end()] for row in self.encode(texts)]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [self.end()] * (longest - len(row)) for row in rows], device=self.model.device)
        there = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=ids.device)
        log = self.model(ids, attention_mask=there).logits.float().log_softmax(-1)[:, :-1]
        each = log.gather(2, ids[:, 1:, None])[..., 0] * there[:, 1:]
        means: Tensor = each.sum(1) / there[:, 1:].sum(1)
        return means.cpu()


register(
    Family(
        name="gpt2",
        adapter=GPT2,
        architectures=("GPT2LMHeadModel",),
        specs=(
            Spec(
                CAPTIONER,
                "Apache-2.0",
                17,
                "trained by this project on captions alone, as in Su et al., 2022, arXiv 2202.06417",
                "8 million parameters",
                path=CAPTIONER_FOLDER,
            ),
            Spec("cambridgeltl/magic_mscoco", "not stated", 510, CITATION, "GPT-2 117M adapted on COCO's captions"),
            Spec(
                "cambridgeltl/magic_flickr30k",
                "not stated",
                510,
                CITATION,
                "GPT-2 117M adapted on Flickr30k's captions",
            ),
        ),
    )
)
