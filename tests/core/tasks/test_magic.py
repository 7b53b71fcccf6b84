# SPDX-License-Identifier: Apache-2.0

"""MaGiC against a plain, slow reading of its rule: no cache, no batch, every candidate a pass of its own."""

import functools
import threading

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from core.data.bundled import bundled
from core.errors import Stopped, UserError
from core.models.family import CAPTIONER
from core.tasks import magic

SCORER, WRITER = "openai/clip-vit-base-patch32", "cambridgeltl/magic_mscoco"


@torch.no_grad()
def plainly(model, tokenizer, end, similar, scale, rule):
    """Equation 5, token by token. `similar(texts)`: cosines with the picture."""
    row = [end]
    for _ in range(rule.length - 1):
        output = model(torch.tensor([row]), output_hidden_states=True)
        probabilities, ids = output.logits[0, -1].softmax(-1).topk(rule.k)
        terms = []
        for probability, token in zip(probabilities.tolist(), ids.tolist(), strict=True):
            longer = model(torch.tensor([[*row, token]]), output_hidden_states=True).hidden_states[-1][0]
            cosines = torch.nn.functional.cosine_similarity(longer[-1:], longer[:-1])
            text = tokenizer.decode([*row, token][1:][-60:], skip_special_tokens=True)
            seen = " ".join(text.split()).replace("\0", " ")  # which no tokeniser takes, and random weights write
            terms.append((probability, float(cosines.max()), similar(seen)))
        p, penalty, cosine = np.array(terms).T
        share = np.exp(scale * cosine) / np.exp(scale * cosine).sum()
        row.append(int(ids[((1 - rule.alpha) * p - rule.alpha * penalty + rule.beta * share).argmax()]))
        if row[-1] == end:
            break
    return tuple(row)


@pytest.fixture(scope="module")
def fifty():
    noise = np.random.default_rng(1)
    return [Image.fromarray(noise.integers(0, 255, (40, 48, 3), dtype=np.uint8)) for _ in range(50)]


@pytest.mark.slow
@pytest.mark.parametrize("rule", [magic.Rule(k=6, length=9), magic.Rule(k=4, alpha=0.5, beta=1, length=7, scale=200)])
def test_tokens_are_the_rules_own_alone_and_batched(models, fifty, rule):
    clip, processor = (
        kind.from_pretrained(models.catalog.path(SCORER))
        for kind in (transformers.CLIPModel, transformers.CLIPProcessor)
    )
    writer = transformers.GPT2LMHeadModel.from_pretrained(models.catalog.path(WRITER)).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(models.catalog.path(WRITER))

    def similar_to(image):
        pixels = processor(images=image, return_tensors="pt")

        @torch.no_grad()
        def similar(text):
            inputs = {**processor(text=[text], return_tensors="pt", truncation=True), **pixels}
            output = clip.eval()(**inputs)
            return float(output.text_embeds[0] @ output.image_embeds[0])

        return similar

    scale = clip.logit_scale.exp().item() if rule.scale is None else rule.scale
    end = tokenizer.eos_token_id
    expected = [plainly(writer, tokenizer, end, similar_to(image), scale, rule) for image in fifty]
    assert len(set(expected)) > 10, "the pictures are told apart"
    batched = magic.caption(models, SCORER, fifty, rule, WRITER)
    assert [draft.tokens for draft in batched] == expected
    for image, tokens in list(zip(fifty, expected, strict=True))[:10]:
        assert magic.caption(models, SCORER, [image], rule, WRITER)[0].tokens == tokens


@pytest.mark.slow
def test_tokens_are_the_rules_own_on_the_embedded_pair(models):
    rule = magic.Rule(k=4, length=6, scale=30)
    pictures = [Image.open(item.path).convert("RGB") for item in bundled().items[:50]]
    vectors = models.embed_images("embedded", pictures)
    with models.lease(CAPTIONER) as own:
        model, tokenizer = own.model, own.tokenizer
    embed = functools.cache(lambda text: models.embed_texts("embedded", [text])[0])
    expected = []
    for vector in vectors:
        similar = lambda text, vector=vector: float(embed(text) @ vector)  # noqa: E731
        expected.append(plainly(model, tokenizer, tokenizer.eos_token_id, similar, 30, rule))
    assert [draft.tokens for draft in magic.caption(models, "embedded", pictures, rule)] == expected


def test_each_step_lays_its_terms_open(models, fifty):
    rule = magic.Rule(k=5, length=4, alpha=0.3, beta=1.5)
    (draft,) = magic.caption(models, SCORER, fifty[:1], rule, WRITER)
    for number, step in enumerate(draft.steps, 1):
        assert len(step.candidates) == 5
        assert sum(step.shares) == pytest.approx(1)
        assert step.probabilities == sorted(step.probabilities, reverse=True)
        terms = zip(step.probabilities, step.penalties, step.shares, strict=True)
        assert step.scores == pytest.approx([0.7 * p - 0.3 * d + 1.5 * s for p, d, s in terms], abs=1e-6)
        assert step.chosen == int(np.argmax(step.scores))
        assert draft.tokens[number] is not None


def test_the_caption_grows_and_can_be_left(models, fifty):
    growing = magic.decode(models, SCORER, fifty[:2], magic.Rule(k=3, length=6), WRITER)
    assert [len(draft.tokens) for draft in next(growing)] == [2, 2]
    assert [len(draft.tokens) for draft in next(growing)] == [3, 3]
    growing.close()
    assert models.engine.resident  # and goes on serving others
    assert magic.caption(models, SCORER, fifty[:1], magic.Rule(k=3, length=3), WRITER)


def test_the_device_is_free_between_parts_of_a_token(models, fifty, monkeypatch):
    """However many pictures and candidates there are, and the tokens stay the same."""
    rule, asked = magic.Rule(k=5, length=5), []
    together = magic.caption(models, SCORER, fifty[:6], rule, WRITER)
    monkeypatch.setattr(magic, "CANDIDATES", 10)
    call = models.call
    monkeypatch.setattr(
        models,
        "call",
        lambda name, method, *args: (
            (asked.append(len(args[0])) if method == "propose" else None) or call(name, method, *args)
        ),
    )
    parts = magic.caption(models, SCORER, fifty[:6], rule, WRITER)
    assert [draft.tokens for draft in parts] == [draft.tokens for draft in together]
    assert max(asked) == 2


@pytest.mark.parametrize(("at", "then"), [("propose", []), ("embed_continuations", ["propose"])])
def test_a_stop_is_heard_within_a_token(models, fifty, monkeypatch, at, then):
    """Whichever of the two models is at work on the first of three parts: the other does not begin, nor does the second."""
    stop, worked = threading.Event(), []

    def noted(method, work):
        def run(*args):
            worked.append(method)
            if method == at:
                stop.set()
            return work(*args)

        return run

    call = models.call
    propose = noted("propose", call)
    monkeypatch.setattr(
        models, "call", lambda name, method, *args: (propose if method == "propose" else call)(name, method, *args)
    )
    monkeypatch.setattr(models, "embed_continuations", noted("embed_continuations", models.embed_continuations))
    monkeypatch.setattr(magic, "CANDIDATES", 10)
    with pytest.raises(Stopped):
        magic.caption(models, SCORER, fifty[:6], magic.Rule(k=5, length=5), WRITER, stop)
    assert worked == [*then, at]


@pytest.mark.parametrize("wrong", [{"k": 0}, {"k": 101}, {"length": 1}, {"alpha": 1.1}, {"beta": -1}, {"scale": 0}])
def test_impossible_rules_are_refused(wrong):
    with pytest.raises(UserError):
        magic.Rule(**wrong)


def test_what_cannot_write_or_see_is_refused(models, fifty):
    with pytest.raises(UserError, match="no language model"):
        magic.caption(models, SCORER, fifty[:1], magic.Rule(), SCORER)
    with pytest.raises(UserError, match="Choose a picture"):
        magic.caption(models, SCORER, [], magic.Rule(), WRITER)


def run(program, model_paths, capsys):
    for name, path in model_paths.items():
        program = program.replace(f'"{name}"', f'"{path}"')
    exec(program, {})
    return capsys.readouterr().out.strip()


@pytest.mark.slow
def test_the_programs_shown_write_the_same(models, fifty, tmp_path, capsys):
    photo = tmp_path / "photo.png"
    fifty[0].save(photo)
    paths = {
        SCORER: models.catalog.path(SCORER),
        WRITER: models.catalog.path(WRITER),
        "assets/captioner": models.catalog.path(CAPTIONER),
    }
    published, recalled = magic.Rule(k=5, length=7), magic.VARIANTS[magic.RECALLED]
    for scorer, writer, rule in (
        (SCORER, WRITER, published),
        ("embedded", CAPTIONER, published),
        ("embedded", CAPTIONER, recalled),
        (SCORER, CAPTIONER, recalled),
    ):
        program = magic.program(models, scorer, writer, str(photo), rule)
        assert run(program, paths, capsys) == magic.caption(models, scorer, fifty[:1], rule, writer)[0].text
    assert magic.program(models, "google/siglip-base-patch16-224", WRITER, "photo.jpg", published) == ""


@pytest.mark.slow
def test_recalled_captions_say_what_the_model_alone_would_not(models):
    """Each step tells the parts of its mixture apart."""
    kitten = Image.open(bundled().items[0].path).convert("RGB")
    (alone,) = magic.caption(models, "embedded", [kitten], magic.Rule(k=10, beta=0.5, scale=60))
    (mixed,) = magic.caption(models, "embedded", [kitten], magic.VARIANTS[magic.RECALLED])
    assert alone.text != mixed.text
    assert not any(share for step in alone.steps for share in step.recalled)
    assert all(step.alone == step.candidates[0] for step in alone.steps)
    first, other = mixed.steps[0], alone.steps[0]
    assert (first.alone, first.alone_probability) == (other.alone, pytest.approx(other.alone_probability))
    for step in mixed.steps:
        own = [p - r for p, r in zip(step.probabilities, step.recalled, strict=True)]
        assert sum(step.recalled) > 0.3
        assert min(own) >= -1e-6
        assert max(own) <= 0.2 + 1e-6
