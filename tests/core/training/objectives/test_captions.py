# SPDX-License-Identifier: Apache-2.0

"""The objectives that make captioners: their formulas, and that what was kept writes what was trained."""

import math

import pytest
import torch
from torch import nn

from core.engine import Engine
from core.models.abilities import AttentiveCaptioner, Captioner
from core.models.inference import Models
from core.models.layers.cross_attention import GATES, GatedCrossAttention, PrefixLM, self_resurrecting
from core.models.layers.frozen_prefix import FrozenPrefix, Resampler
from core.models.layers.grid_captioner import IGNORED, beam_search, caption_language, save_network
from core.settings import Settings
from core.training.objectives._captioning import CaptionLearner, caption_tokenizer, token_rows, word_f1

pytestmark = pytest.mark.slow

NETWORKS = {
    "perceptron": lambda: FrozenPrefix("mlp", 4, 1),
    "resampler": lambda: FrozenPrefix("resampler", 4, 2),
    "prefix": lambda: PrefixLM(1, 1, 2),
    **{gate: lambda gate=gate: GatedCrossAttention(gate) for gate in GATES},
}
every = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
TEXTS = ["A bus and a basketball.", "a kettle", "there is an airplane next to a rubber duck"]


@pytest.fixture
def grid():
    return 6 * torch.rand(3, 81, 1280, generator=torch.Generator().manual_seed(0)) ** 4


@pytest.fixture
def ids():
    return token_rows(caption_tokenizer(), TEXTS)


def seeded(make):
    """With gates a little open."""
    torch.manual_seed(0)
    network = make()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "open_" in name:
                weight.fill_(0.3)
    return network.eval()


@every
@torch.no_grad()
def test_the_loss_is_the_mean_cross_entropy_of_the_tokens(make, grid, ids):
    """One caption at a time, one token at a time, nothing padded."""
    network, losses = seeded(make), []
    for picture, row in zip(grid, ids, strict=True):
        tokens = [token for token in row.tolist() if token != IGNORED]
        for n in range(1, len(tokens)):
            logits = network(picture[None], torch.tensor([tokens[:n]]))[0, -1].double()
            losses.append(-float(logits[tokens[n]] - logits.exp().sum().log()))
    found = CaptionLearner(network)(grid=grid, ids=ids)["loss"]
    assert float(found) == pytest.approx(sum(losses) / len(losses), abs=1e-5)


@every
def test_beams_are_what_their_words_are_worth(make, grid):
    """With the cache of keys and values as without it; best first; and one beam is the greedy choice."""
    network = seeded(make)
    for picture, found in zip(grid, beam_search(network, grid, beams=3), strict=True):
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
        for tokens, score in found:
            row = torch.tensor([[0, *tokens, 0]])[:, :31]
            log = network(picture[None], row[:, :-1]).log_softmax(-1)
            assert score == pytest.approx(log.gather(2, row[:, 1:, None]).sum().item(), abs=1e-3)
    [[(greedy, _)]] = beam_search(network, grid[:1])
    log = network(grid[:1], torch.tensor([[0, *greedy]]))[0, : len(greedy)]
    assert log[0, 1:].argmax() + 1 == greedy[0]
    assert log[1:].argmax(-1).tolist() == greedy[1:]


@every
def test_kept_and_loaded_it_writes_the_same(make, images, tmp_path):
    network = seeded(make)
    save_network(network, tmp_path / "mine")
    models = Models(Engine(Settings(device="cpu")), tmp_path)
    assert "mine" in [spec.id for spec in models.catalog.specs(Captioner)]
    assert issubclass(models.catalog.adapter("mine"), AttentiveCaptioner)
    encoding = models.encode("mine", images[0])
    captions = models.call("mine", "caption", encoding)
    [written] = beam_search(network, encoding["grid"][None], beams=5)
    texts = [" ".join(caption_tokenizer().decode(row, skip_special_tokens=True).split()) for row, _ in written]
    assert set(captions) == set(texts)
    assert sum(captions.values()) == pytest.approx(1)
    attribution = models.call("mine", "attention", encoding, "a bus and a basketball")
    assert attribution.words == ["a", "bus", "and", "a", "basketball"]
    assert attribution.maps.shape == (5, 9, 9)
    assert ((attribution.maps >= 0) & (attribution.maps <= 1)).all()
    shown = {"torch": torch, "image": images[0]}
    exec(models.catalog.adapter("mine").caption_program(str(tmp_path / "mine")), shown)
    assert shown["captions"] == pytest.approx(captions, abs=1e-5)


def test_closed_gates_leave_the_language_model_as_it_is(grid, ids):
    rows = ids.clamp_min(0)
    alone = caption_language()(rows).logits
    torch.testing.assert_close(GatedCrossAttention("tanh")(grid, rows), alone, rtol=0, atol=1e-4)
    assert not torch.allclose(seeded(NETWORKS["tanh"])(grid, rows), alone, atol=1e-2)


def test_the_self_resurrecting_unit_is_its_formula():
    read, found = torch.randn(2, 50, generator=torch.Generator().manual_seed(1)).mul(3).unbind()
    for r, f, got in zip(read.tolist(), found.tolist(), self_resurrecting(read, found, 0.2).tolist(), strict=True):
        s = 1 / (1 + math.exp(-r))
        visual, lingual = (s if s > 0.2 else 0), (1 - s if 1 - s > 0.2 else 0)
        assert got == pytest.approx(visual * f + lingual * r, abs=1e-5)


def test_the_resampler_is_its_formula(grid):
    """Query by query and head by head: softmax(q k / sqrt(d)) v over places and queries together."""
    torch.manual_seed(0)
    resampler = Resampler(3, 320, 1).eval()
    layer = resampler.layers[0]
    places = layer.norm_places(resampler.narrow(resampler.norm(grid[:1])) + resampler.where)[0]
    asking = layer.norm_slots(resampler.queries)
    read = torch.cat([places, asking])
    q, k, v = (
        nn.functional.linear(x, w, b).split(64, -1)
        for x, w, b in zip(
            (asking, read, read),
            layer.attention.in_proj_weight.chunk(3),
            layer.attention.in_proj_bias.chunk(3),
            strict=True,
        )
    )
    heads = [(a @ b.T / 8).softmax(-1) @ c for a, b, c in zip(q, k, v, strict=True)]
    slots = resampler.queries + layer.attention.out_proj(torch.cat(heads, -1))
    expected = resampler.out(slots + layer.feed(slots))
    torch.testing.assert_close(resampler(grid[:1])[0], expected, rtol=0, atol=1e-5)


def test_words_in_common_count_words():
    assert word_f1("a bus", "a bus") == 1
    assert word_f1("a bus", "two dogs") == 0
    assert word_f1("a bus", "a red bus and") == pytest.approx(2 * 2 / 6)
