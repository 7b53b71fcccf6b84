# SPDX-License-Identifier: Apache-2.0

"""Models that cut out what a text or a picture asks for, from tiny weights, against plain transformers written out here."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.engine import Engine
from core.models.abilities import ImagePrompted, Refiner, Segmenter
from core.models.families.groupvit import CANONICAL
from core.models.inference import Models
from core.settings import Settings
from tests.core.models.families.segmenting import CLOSE, SAM, counted, official

pytestmark = pytest.mark.slow

CLIPSEG, GROUPVIT = "CIDAS/clipseg-rd64-refined", "nvidia/groupvit-gcc-yfcc"
PROMPTS = ["a cat", "a red car parked in the street", "two dogs"]
LISTED = Models(Engine(Settings(device="cpu")))
both = pytest.mark.parametrize("name", [CLIPSEG, GROUPVIT])


@pytest.fixture(scope="module")
def example():
    return Image.fromarray(np.random.default_rng(2).integers(0, 255, (50, 30, 3), dtype=np.uint8))


def segment(models, name, image, prompts):
    return models.call(name, "segment", models.encode(name, image), prompts)


@torch.no_grad()
def official_maps(models, name, image, prompts):
    """[n, h, w]: what the model's own forward gives."""
    if name == CLIPSEG:
        model, processor = official(models, name, "CLIPSegForImageSegmentation")
        inputs = processor(text=prompts, images=[image] * len(prompts), padding=True, return_tensors="pt")
        return model(**inputs).logits
    model, processor = official(models, name, "GroupViTModel")
    whole = {"size": {"height": 32, "width": 32}, "do_center_crop": False}
    inputs = processor(text=prompts, images=image, padding=True, return_tensors="pt", **whole)
    return model(**inputs, output_segmentation=True).segmentation_logits[0]


def test_abilities():
    assert [spec.id for spec in LISTED.catalog.specs(Segmenter) if spec.id in (CLIPSEG, GROUPVIT, SAM)] == [
        CLIPSEG,
        GROUPVIT,
    ]
    assert CLIPSEG in [spec.id for spec in LISTED.catalog.specs(ImagePrompted)]
    assert [spec.id for spec in LISTED.catalog.specs(Refiner)] == [SAM]


@both
@pytest.mark.parametrize("prompts", [PROMPTS[:1], PROMPTS], ids=len)
def test_maps_are_the_models_own(models, name, image, prompts):
    expected = official_maps(models, name, image, prompts)
    found = segment(models, name, image, prompts)
    own = found["logits"] if name == CLIPSEG else found["segmentation logits"]
    assert own.dtype == torch.float32
    torch.testing.assert_close(own, expected, atol=CLOSE, rtol=0)
    assert expected.std(dim=(1, 2)).min() > 100 * CLOSE, "the tiny model's maps are not flat"


@both
def test_prompts_get_maps_of_their_own_and_the_same_alone(models, name, image):
    together = segment(models, name, image, PROMPTS)
    assert next(iter(together)) == "logits"
    assert {maps.ndim for maps in together.values()} == {3}
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert (together["logits"][a] - together["logits"][b]).abs().max() > 100 * CLOSE
    for index, prompt in enumerate(PROMPTS):
        for key, maps in segment(models, name, image, [prompt]).items():
            torch.testing.assert_close(together[key][index], maps[0], atol=CLOSE, rtol=0)


@both
def test_the_picture_is_encoded_once(models, name, image):
    calls = counted(models, name, lambda model: [(getattr(model, "clip", model)).vision_model.embeddings])
    encoding = models.encode(name, image)
    for prompts in (PROMPTS, PROMPTS[:1]):
        models.call(name, "segment", encoding, prompts)
    assert calls == [0]


@both
def test_survives_being_unloaded(models, name, image):
    before = segment(models, name, image, PROMPTS)
    assert models.unload(name)
    after = segment(models, name, image, PROMPTS)
    assert all(torch.equal(before[key], after[key]) for key in before)


@both
def test_the_program_shown_gives_the_same(models, name, image):
    for prompts in (PROMPTS, PROMPTS[:1]):
        shown = {"torch": torch, "image": image, "prompts": prompts}
        exec(models.catalog.adapter(name).segment_program(name), shown)
        found = segment(models, name, image, prompts)["logits"]
        torch.testing.assert_close(shown["logits"], found, atol=CLOSE, rtol=0)


@both
def test_a_long_prompt_is_cut(models, name, image):
    assert segment(models, name, image, ["a cat " * 300, "a dog"])["logits"].isfinite().all()


def test_clipseg_stops_after_the_last_layer_its_decoder_reads(models, image):
    calls = counted(models, CLIPSEG, lambda model: model.clip.vision_model.encoder.layers)
    encoding = models.encode(CLIPSEG, image)
    assert calls == [0, 1, 2, 3]
    assert {key: tuple(part.shape) for key, part in encoding.items()} == {
        f"layer {index}": (1 + 16, 16) for index in (0, 1, 3)
    }


@pytest.mark.parametrize("conditional_layer", [0, 1, 2])
def test_clipseg_wherever_the_prompt_comes_in(models, image, tmp_path, conditional_layer):
    model, processor = official(models, CLIPSEG, "CLIPSegForImageSegmentation")
    model.decoder.conditional_layer = conditional_layer
    adapter = models.catalog.adapter(CLIPSEG)(model, processor)
    inputs = processor(text=PROMPTS, images=[image] * 3, padding=True, return_tensors="pt")
    with torch.no_grad():
        found = adapter.segment(adapter.encode_image(image), PROMPTS)["logits"]
        torch.testing.assert_close(found, model(**inputs).logits, atol=CLOSE, rtol=0)


def test_clipseg_says_what_led_to_its_mask(models, image):
    found = segment(models, CLIPSEG, image, PROMPTS)
    steps = ["mask after layer 3", "mask after layer 1", "mask after layer 0"]  # from the deepest layer up
    assert list(found) == ["logits", *steps]
    assert {tuple(found[step].shape) for step in steps} == {(3, 4, 4)}
    patches = found["logits"].unflatten(2, (4, 16)).unflatten(1, (4, 16)).mean((2, 4))
    torch.testing.assert_close(found[steps[-1]], patches, atol=CLOSE, rtol=0)
    assert (found[steps[0]] - found[steps[1]]).abs().max() > 100 * CLOSE


def test_clipseg_takes_pictures_for_prompts(models, image, example):
    model, processor = official(models, CLIPSEG, "CLIPSegForImageSegmentation")
    examples = [example, image]
    inputs = processor(images=[image] * 2, visual_prompt=examples, return_tensors="pt")
    with torch.no_grad():
        expected = model(**inputs).logits
    encoding = models.encode(CLIPSEG, image)
    found = models.call(CLIPSEG, "segment_like", encoding, examples)["logits"]
    torch.testing.assert_close(found, expected, atol=CLOSE, rtol=0)
    assert (found[0] - found[1]).abs().max() > 100 * CLOSE
    torch.testing.assert_close(
        models.call(CLIPSEG, "segment_like", encoding, [example])["logits"], found[:1], atol=CLOSE, rtol=0
    )


def test_groupvit_weighs_each_prompt_against_phrases_that_say_nothing(models, image):
    scale = models.detail(GROUPVIT, "scale").scale
    maps = official_maps(models, GROUPVIT, image, [*PROMPTS, *CANONICAL]) / scale
    found = segment(models, GROUPVIT, image, PROMPTS)
    for index in range(3):
        rivals = [maps[[index, 3 + other]].softmax(0)[0] for other in range(4)]
        torch.testing.assert_close(
            found["logits"][index].sigmoid(), torch.stack(rivals).min(0).values, atol=CLOSE, rtol=0
        )
    closest = found["closest group"]
    assert closest.shape == found["logits"].shape
    assert 0 <= closest.min() <= closest.max() <= 1
    torch.testing.assert_close(models.encode(GROUPVIT, image)["share"].sum(0), torch.ones(4, 4), atol=CLOSE, rtol=0)
