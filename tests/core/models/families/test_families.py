# SPDX-License-Identifier: Apache-2.0

"""Every published checkpoint, loaded by its id from tiny weights, against plain transformers written out here."""

import shutil

import numpy as np
import pytest
import torch

from core.engine import Engine
from core.errors import UserError
from core.models.abilities import DualEncoder, Matcher
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.settings import Settings
from tests.core.models.families import tiny
from tests.core.models.families.tiny._parts import official

CLOSE = 1e-5
LISTED = Models(Engine(Settings(device="cpu")))
PUBLISHED_IDS = [spec.id for spec in LISTED.catalog.specs() if "/" in spec.id]
PAIRS = [id for id in PUBLISHED_IDS if issubclass(LISTED.catalog.adapter(id), DualEncoder)]
MATCHERS = [id for id in PUBLISHED_IDS if issubclass(LISTED.catalog.adapter(id), Matcher)]
all_pairs, all_matchers = pytest.mark.parametrize("id", PAIRS), pytest.mark.parametrize("id", MATCHERS)


@torch.no_grad()
def official_logits(id, folder, images, texts):
    """[images, texts]: what the model's own forward gives."""
    return tiny.expected(id, "logits")(folder, images, texts)


@pytest.mark.parametrize("id", PUBLISHED_IDS)
def test_every_published_checkpoint_has_a_tiny_one(id):
    assert id in tiny.FILES, "write tests/core/models/families/tiny/NAME.py"


@pytest.mark.slow
@all_pairs
def test_scores_are_the_models_own(models, id, images, texts):
    scale = models.detail(id, "scale")
    expected = official_logits(id, models.catalog.path(id), images, texts)
    assert np.ptp(expected, axis=0).min() > 0.01 * scale.scale, "the tiny model tells its images apart"
    assert np.ptp(expected, axis=1).min() > 0.01 * scale.scale, "and its texts"

    together = models.embed_images(id, images), models.embed_texts(id, texts)
    alone = (
        np.concatenate([models.embed_images(id, [image]) for image in images]),
        np.concatenate([models.embed_texts(id, [text]) for text in texts]),
    )
    for image_embeds, text_embeds in (together, alone):
        assert image_embeds.dtype == text_embeds.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(image_embeds, axis=1), 1, atol=CLOSE)
        np.testing.assert_allclose(np.linalg.norm(text_embeds, axis=1), 1, atol=CLOSE)
        scores = scale.scale * image_embeds @ text_embeds.T + scale.bias
        np.testing.assert_allclose(scores, expected, rtol=0, atol=CLOSE * scale.scale)


@pytest.mark.slow
@all_pairs
def test_a_full_batch_equals_one_at_a_time(models, id, images, texts):
    words = [f"{text} {number}" for number in range(86) for text in texts][:256]
    many = models.embed_texts(id, words)
    assert many.shape[0] == 256
    np.testing.assert_allclose(many[:6], np.concatenate([models.embed_texts(id, [w]) for w in words[:6]]), atol=CLOSE)


@pytest.mark.slow
@all_pairs
def test_survives_being_unloaded(models, id, images, texts):
    before = models.embed_images(id, images), models.embed_texts(id, texts)
    assert models.unload(id)
    assert models.engine.resident == []
    after = models.embed_images(id, images), models.embed_texts(id, texts)
    # Not bit by bit: how many images a batch holds follows from the seconds that the one before took.
    np.testing.assert_allclose(np.concatenate(before), np.concatenate(after), atol=1e-6)


@pytest.mark.slow
@all_pairs
def test_the_program_shown_gives_the_same(models, id, images, texts):
    shown = {"torch": torch, "images": images, "texts": texts}
    exec(models.catalog.adapter(id).program(id), shown)
    np.testing.assert_allclose(shown["image_embeds"].numpy(), models.embed_images(id, images), atol=CLOSE)
    np.testing.assert_allclose(shown["text_embeds"].numpy(), models.embed_texts(id, texts), atol=CLOSE)
    scale = models.detail(id, "scale")
    assert (shown["scale"], shown["bias"]) == pytest.approx((scale.scale, scale.bias), rel=CLOSE)


@pytest.mark.slow
@all_pairs
def test_a_long_text_is_cut(models, id):
    assert np.isfinite(models.embed_texts(id, ["a cat " * 300])).all()


@all_matchers
def test_match_probabilities_are_the_models_own(models, id, images, texts):
    pairs = [(image, text) for image in images for text in texts]
    model, processor = official(models.catalog.path(id))
    inputs = processor(
        images=[image for image, _ in pairs],
        text=[text for _, text in pairs],
        padding=True,
        truncation=True,
        return_tensors="pt",
    )
    with torch.no_grad():
        expected = model(**inputs, use_itm_head=True).itm_score.softmax(1)[:, 1].numpy()
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(models.match(id, pairs), expected, atol=CLOSE)
    np.testing.assert_allclose([models.match(id, [pair])[0] for pair in pairs], expected, atol=CLOSE)


@pytest.mark.parametrize("id", [spec.id for spec in LISTED.catalog.specs() if spec.id != EMBEDDED])
def test_spec_tells_what_a_visitor_needs(id):
    spec = LISTED.catalog.spec(id)
    assert spec.licence
    assert "arXiv" in spec.citation
    assert spec.megabytes > 0
    assert spec.family


@pytest.mark.parametrize("id", [id for id in PAIRS if "siglip" in id])
def test_siglip_is_sigmoid_and_ignores_case(models, id):
    assert models.detail(id, "scale").sigmoid
    upper, lower = models.embed_texts(id, ["A CAT", "a cat"])
    np.testing.assert_array_equal(upper, lower)


def test_a_model_that_cannot_match_says_so(models, images):
    with pytest.raises(UserError, match="cannot do this"):
        models.match("openai/clip-vit-base-patch32", [(images[0], "a cat")])


def test_local_folders_are_offered_by_architecture(models, engine, tmp_path, images, texts):
    mine = tmp_path / "mine"
    shutil.copytree(models.catalog.path("facebook/flava-full"), mine)
    own = Models(engine, tmp_path)
    assert own.catalog.spec("mine").family == "flava"
    np.testing.assert_array_equal(own.embed_images("mine", images), models.embed_images("facebook/flava-full", images))


def test_pickled_weights_are_refused(models, engine, tmp_path, texts):
    shutil.copytree(models.catalog.path("openai/clip-vit-base-patch32"), tmp_path / "old")
    (tmp_path / "old" / "model.safetensors").rename(tmp_path / "old" / "pytorch_model.bin")
    with pytest.raises(UserError, match="never loaded"):
        Models(engine, tmp_path).embed_texts("old", texts)


def test_weights_that_do_not_fill_the_model_are_refused(models, engine, tmp_path, texts):
    from safetensors.torch import load_file, save_file

    shutil.copytree(models.catalog.path("openai/clip-vit-base-patch32"), tmp_path / "half")
    file = tmp_path / "half" / "model.safetensors"
    tensors = load_file(file)
    del tensors["text_projection.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks 1 weights.*text_projection"):
        Models(engine, tmp_path).embed_texts("half", texts)
