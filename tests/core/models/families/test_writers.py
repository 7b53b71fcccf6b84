# SPDX-License-Identifier: Apache-2.0

"""Language models: one step ahead equals running every candidate by itself; texts with a prefix from the cache equal whole ones."""

import numpy as np
import pytest
import torch
import transformers

from core.engine import Engine
from core.models.inference import Models
from core.models.language_model import LanguageModel
from core.settings import Settings

pytestmark = pytest.mark.slow

CLIP = "openai/clip-vit-base-patch32"
CLOSE = 1e-5
LISTED = Models(Engine(Settings(device="cpu")))
WRITERS = [spec.id for spec in LISTED.catalog.specs(LanguageModel) if spec.path is None and "/" in spec.id]


@pytest.fixture(params=WRITERS)
def writer(request):
    return request.param


@torch.no_grad()
def plainly(model, row, k):
    """Ids, probabilities and penalties, every candidate in a pass of its own."""
    output = model(torch.tensor([row]), output_hidden_states=True)
    probabilities, ids = output.logits[0, -1].softmax(-1).topk(k)
    seen = output.hidden_states[-1][0]
    after = [model(torch.tensor([[*row, int(i)]]), output_hidden_states=True).hidden_states[-1][0, -1] for i in ids]
    return ids, probabilities, torch.stack([torch.cosine_similarity(state[None], seen).max() for state in after])


def test_a_step_ahead_is_each_candidate_by_itself(models, writer):
    """Rows diverge, one stops, and one call is answered out of turn: all equal passes from the start."""
    model = transformers.GPT2LMHeadModel.from_pretrained(models.catalog.path(writer)).eval()
    end = models.detail(writer, "end")
    rows = [(end,)] * 3
    for step in range(6):
        proposed = models.call(writer, "propose", rows, 7)
        ids, probabilities, penalties = proposed.ids, proposed.probabilities, proposed.penalties
        for row, *found in zip(rows, ids, probabilities, penalties, strict=True):
            expected = plainly(model, row, 7)
            assert found[0].tolist() == expected[0].tolist()
            torch.testing.assert_close(found[1], expected[1], atol=CLOSE, rtol=0)
            torch.testing.assert_close(found[2], expected[2], atol=CLOSE, rtol=0)
        rows = [(*row, int(ids[i, (2 * i + step) % 7])) for i, row in enumerate(rows)]
        if step == 2:
            rows = rows[1:]
        if step == 3:
            models.call(writer, "propose", [(end, 5, 6)], 4)
    assert len(set(rows)) == 2


def test_the_work_of_a_step_is_its_candidates_alone(models, writer, monkeypatch):
    """The prefix is read once, and the vocabulary's head sees one state a row."""
    end = models.detail(writer, "end")
    ids = models.call(writer, "propose", [(end,), (end,)], 5).ids
    read, headed = [], []
    with models.lease(writer) as adapter:
        adapter.model.transformer.wte.register_forward_hook(lambda _, args, __: read.append(args[0].numel()))
        adapter.model.lm_head.register_forward_hook(lambda _, args, __: headed.append(args[0].shape[0]))
    models.call(writer, "propose", [(end, int(ids[0, 2])), (end, int(ids[1, 0]))], 5)
    assert (read, headed) == ([10], [2])


def test_texts_round_trip(models, writer):
    (row,) = models.call(writer, "encode", ["a man riding a horse"])
    assert models.call(writer, "decode", [[*row, models.detail(writer, "end")]]) == ["a man riding a horse"]


def test_likelihood_is_the_mean_of_the_tokens(models, writer):
    model = transformers.GPT2LMHeadModel.from_pretrained(models.catalog.path(writer)).eval()
    end, texts = models.detail(writer, "end"), ["a cat", "two cats sleeping on a couch"]
    found = models.call(writer, "likelihood", texts)
    for text, value in zip(texts, found, strict=True):
        (row,) = models.call(writer, "encode", [text])
        ids = torch.tensor([[end, *row, end]])
        with torch.no_grad():
            assert float(value) == pytest.approx(-float(model(ids, labels=ids).loss), abs=CLOSE)


def test_samples_follow_their_seed(models, writer):
    first, again, other = (models.call(writer, "sample", 4, 5, 1.0, 1.0, 6, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert all(len(row) <= 6 and models.detail(writer, "end") not in row for row in first)


def test_texts_with_a_common_prefix_equal_whole_texts(models):
    """Alone and several groups at once, also after others, after a shorter one, and where one begins another."""
    groups = [
        ["a photo of a cat", "a photo of a dog", "a photo of"],
        ["a photo of a cat sleeping", "a photo of a cat on"],
        ["", "a"],
        ["two cats"],
        ["a photo of a red car parked in the street", "a photo of a dog"],
    ]
    for some in ([groups[0]], [groups[1]], [groups[2]], groups, groups[::-1]):
        for texts, found in zip(some, models.embed_continuations(CLIP, some), strict=True):
            np.testing.assert_allclose(found, models.embed_texts(CLIP, texts), atol=CLOSE)


def test_a_prefix_is_computed_once(models):
    models.embed_continuations(CLIP, [["a photo of a cat", "a photo of a dog"]])
    read = []
    with models.lease(CLIP) as adapter:
        adapter.model.text_model.embeddings.token_embedding.register_forward_hook(
            lambda _, args, __: read.append(args[0].numel())
        )
        words = len(adapter.processor.tokenizer("a photo of a")["input_ids"]) - 1
    models.embed_continuations(CLIP, [["a photo of a cat", "a photo of a car"]])
    assert sum(read) < 2 * words


def test_recalled_words_are_mixed_in(models, writer):
    end = models.detail(writer, "end")
    alone = models.call(writer, "propose", [(end,)], 320)
    known = dict(zip(alone.ids[0].tolist(), alone.probabilities[0].tolist(), strict=True))
    mixed = models.call(writer, "propose", [(end,)], 3, [{7: 0.75, 8: 0.25}], 0.4)
    found = dict(zip(mixed.ids[0].tolist(), mixed.probabilities[0].tolist(), strict=True))
    assert found[7] == pytest.approx(0.6 * known[7] + 0.3, abs=CLOSE)
    assert found[8] == pytest.approx(0.6 * known[8] + 0.1, abs=CLOSE)
    assert mixed.ids[0, 0] == 7
    assert mixed.recalled[0, :2].tolist() == pytest.approx([0.3, 0.1], abs=CLOSE)
    first = max(known, key=known.get)
    assert (int(mixed.alone), float(mixed.alone_probabilities)) == (first, pytest.approx(known[first], abs=CLOSE))
