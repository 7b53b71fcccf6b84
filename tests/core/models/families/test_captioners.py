# SPDX-License-Identifier: Apache-2.0

"""Every published model that captions, loaded by its id from tiny weights, against plain transformers."""

import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.engine import Engine
from core.errors import UserError
from core.models.abilities import Answerer, Captioner
from core.models.inference import Models
from core.settings import Settings
from tests.core.models.families import tiny

pytestmark = pytest.mark.slow

CLOSE = 1e-4
LISTED = Models(Engine(Settings(device="cpu")))
BLIP, GIT, VIT_GPT2 = (
    "Salesforce/blip-image-captioning-base",
    "microsoft/git-base-coco",
    "nlpconnect/vit-gpt2-image-captioning",
)
CAPTIONERS = [spec.id for spec in LISTED.catalog.specs(Captioner) if "/" in spec.id]
all_captioners = pytest.mark.parametrize("id", CAPTIONERS)
one_of_each = pytest.mark.parametrize("id", [BLIP, GIT, VIT_GPT2])
of_a_folder = pytest.mark.parametrize("id", [BLIP, VIT_GPT2])


def ours(models, id, image):
    return models.call(id, "caption", models.encode(id, image))


@torch.no_grad()
def official(models, id, image):
    return tiny.expected(id, "captions")(models.catalog.path(id), image)


def same(found, expected):
    assert found.keys() == expected.keys()
    assert list(found.values()) == sorted(found.values(), reverse=True)
    for caption, confidence in found.items():
        assert confidence == pytest.approx(expected[caption], abs=CLOSE)


# ---- every one of them


def test_captioners_are_not_asked_questions():
    assert CAPTIONERS[0] == BLIP
    assert not any(issubclass(LISTED.catalog.adapter(id), Answerer) for id in CAPTIONERS), (
        "they would be asked questions"
    )


@all_captioners
def test_captions_are_the_models_own(models, images, id):
    found = [ours(models, id, image) for image in images]
    for image, captions in zip(images, found, strict=True):
        same(captions, official(models, id, image))
        assert 1 <= len(captions) <= 5
        assert sum(captions.values()) == pytest.approx(1)
    first = [next(iter(captions)) for captions in found]
    assert len(set(first)) >= 4, "the tiny model tells its pictures apart"
    lengths = [len(caption.split()) for caption in first]
    assert min(lengths) >= 3, "it writes several words"
    assert min(lengths) < 20, "and ends before it has to"


@all_captioners
def test_any_picture_is_described(models, images, id):
    grey = images[0].convert("L")
    for image in (grey, grey.convert("RGBA"), images[1].resize((66, 10)), images[1].resize((4, 400))):
        same(ours(models, id, image), official(models, id, image))


@all_captioners
def test_survives_being_unloaded(models, images, id):
    before = ours(models, id, images[0])
    assert models.unload(id)
    assert models.engine.resident == []
    assert ours(models, id, images[0]) == before


@one_of_each
def test_a_picture_is_encoded_once(models, images, id):
    """What was kept of it is all that its caption needs."""
    encoding = models.encode(id, images[0])
    calls = []
    with models.lease(id) as model:
        model.vision_tower.register_forward_pre_hook(lambda *_: calls.append(1))
    assert models.call(id, "caption", encoding)
    assert not calls
    models.encode(id, images[0])
    assert calls, "the hook would have noticed"


def shown(models, id, image, edit=lambda program: program):
    names = {"torch": torch, "image": image}
    exec(edit(models.catalog.adapter(id).caption_program(id)), names)
    return names["captions"]


@all_captioners
def test_the_program_shown_gives_the_same(models, images, id):
    for image in (images[0], images[3].convert("L")):
        same(shown(models, id, image), ours(models, id, image))


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [
        (r"softmax\(-1\)", "sigmoid()"),
        (r"\bimages=image\b", "images=image.rotate(90)"),
        (r"num_beams=5, num_return_sequences=5", "num_beams=4, num_return_sequences=4"),
        (r"length_penalty=0.0", "length_penalty=1.0"),
    ],
)
@one_of_each
def test_a_broken_program_would_be_noticed(models, images, id, pattern, wrong):
    def edit(program):
        broken, times = re.subn(pattern, wrong, program)
        assert times
        return broken

    with pytest.raises(AssertionError):
        same(shown(models, id, images[0], edit), ours(models, id, images[0]))


# ---- local folders


@of_a_folder
def test_local_folders_are_offered_by_architecture(models, engine, tmp_path, images, id):
    shutil.copytree(models.catalog.path(id), tmp_path / "mine")
    own = Models(engine, tmp_path)
    assert own.catalog.spec("mine").family == LISTED.catalog.spec(id).family
    assert ours(own, "mine", images[0]) == ours(models, id, images[0])


@of_a_folder
def test_pickled_weights_are_refused(models, engine, tmp_path, images, id):
    shutil.copytree(models.catalog.path(id), tmp_path / "old")
    (tmp_path / "old" / "model.safetensors").rename(tmp_path / "old" / "pytorch_model.bin")
    with pytest.raises(UserError, match="never loaded"):
        ours(Models(engine, tmp_path), "old", images[0])


@of_a_folder
def test_weights_that_do_not_fill_the_model_are_refused(models, engine, tmp_path, images, id):
    shutil.copytree(models.catalog.path(id), tmp_path / "half")
    file = tmp_path / "half" / "model.safetensors"
    tensors = load_file(file)
    gone = next(name for name in tensors if "crossattention" in name and name.endswith("weight"))
    del tensors[gone]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(UserError, match=rf"lacks 1 weights.*{gone}"):
        ours(Models(engine, tmp_path), "half", images[0])


def test_a_folder_of_git_is_asked_questions(models, engine, tmp_path):
    """Its config does not say which of the two it learned."""
    shutil.copytree(models.catalog.path(GIT), tmp_path / "mine")
    own = Models(engine, tmp_path)
    assert issubclass(own.catalog.adapter("mine"), Answerer)
