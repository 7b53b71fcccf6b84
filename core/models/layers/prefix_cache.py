# SPDX-License-Identifier: Apache-2.0

"""Texts with a common prefix through CLIP's text tower: it is causal, so the keys and values of a prefix are computed once
and kept for the next call, and each text adds only what follows."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

KeysValues = list[tuple["Tensor", "Tensor"]]  # of each layer: keys and values [1, heads, length, d]
Rows = Sequence[Sequence[int]]
MAX_PREFIXES = 64  # the oldest goes first


class PrefixCache:
    """For one `CLIPTextTransformer`."""

    def __init__(self, tower: Any) -> None:
        self.tower = tower
        self._known: deque[tuple[list[int], KeysValues]] = deque(maxlen=MAX_PREFIXES)

    def last_states(self, groups: Sequence[Rows]) -> Tensor:
        """[all rows, d]: the tower's normalised state at the last token of each row of token ids. The rows of a group have
        a common prefix; all groups go through the layers together."""
        import torch

        prefixes = [common_prefix([row[:-1] for row in rows]) for rows in groups]
        pasts = [self._keys_values(prefix) for prefix in prefixes]
        rests = [[row[len(prefix) :] for row in rows] for prefix, rows in zip(prefixes, groups, strict=True)]
        longest = max(len(rest) for rows in rests for rest in rows)
        ids = [torch.tensor([[*rest, *[rest[-1]] * (longest - len(rest))] for rest in rows]) for rows in rests]
        states, _ = self._run_layers(ids, pasts)
        last = torch.tensor([len(rest) - 1 for rows in rests for rest in rows], device=states.device)
        found: Tensor = self.tower.final_layer_norm(states[torch.arange(len(last), device=last.device), last])
        return found

    def _keys_values(self, prefix: list[int]) -> KeysValues:
        """Of these tokens, as far as possible from an earlier call."""
        import torch

        lengths = [len(common_prefix([prefix, known])) for known, _ in self._known]
        length = max(lengths, default=0)
        past: KeysValues = []
        if length:
            past = [(k[:, :, :length], v[:, :, :length]) for k, v in self._known[lengths.index(length)][1]]
        if length < len(prefix):
            _, new = self._run_layers([torch.tensor([prefix[length:]])], [past])
            past = [_joined(old, own) for old, own in zip(past, new, strict=True)] if past else new
            self._known.append((prefix, past))
        return past

    def _run_layers(self, groups: Sequence[Tensor], pasts: Sequence[KeysValues]) -> tuple[Tensor, KeysValues]:
        """Ids [n, length] of each group -> states [all rows, length, d], and each layer's keys and values of these tokens."""
        import torch

        embeddings, device = self.tower.embeddings, self.tower.final_layer_norm.weight.device
        sizes, length = [len(ids) for ids in groups], groups[0].shape[1]
        starts = [past[0][0].shape[2] if past else 0 for past in pasts]
        positions = [torch.arange(start, start + length).expand(n, -1) for start, n in zip(starts, sizes, strict=True)]
        x = embeddings.token_embedding(torch.cat(list(groups)).to(device))
        x = x + embeddings.position_embedding(torch.cat(positions).to(device))
        masks = [torch.ones(length, start + length, dtype=torch.bool, device=device).tril(start) for start in starts]
        new: KeysValues = []
        for number, layer in enumerate(self.tower.encoder.layers):
            attention, y = layer.self_attn, layer.layer_norm1(x)
            query, keys, values = (
                project(y).view(len(y), length, -1, attention.head_dim).transpose(1, 2)
                for project in (attention.q_proj, attention.k_proj, attention.v_proj)
            )
            new.append((keys, values))
            attended = []
            for q, k, v, past, mask in zip(
                query.split(sizes), keys.split(sizes), values.split(sizes), pasts, masks, strict=True
            ):
                k, v = _joined(past[number], (k, v)) if past else (k, v)
                attended.append(torch.nn.functional.scaled_dot_product_attention(q, k, v, mask, scale=attention.scale))
            x = x + attention.out_proj(torch.cat(attended).transpose(1, 2).flatten(2))
            x = x + layer.mlp(layer.layer_norm2(x))
        return x, new


def common_prefix(rows: Rows) -> list[int]:
    """The longest with which all rows begin."""
    length = 0
    for column in zip(*rows, strict=False):
        if len(set(column)) > 1:
            break
        length += 1
    return list(rows[0][:length])


def _joined(before: tuple[Tensor, Tensor], own: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    import torch

    n = len(own[0])
    keys, values = (torch.cat([old.expand(n, -1, -1, -1), new], 2) for old, new in zip(before, own, strict=True))
    return keys, values
