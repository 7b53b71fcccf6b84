# SPDX-License-Identifier: Apache-2.0

"""Pictures and captions drawn together: on the embedded pair, and by LoRA on published checkpoints."""

import numpy as np
import pytest
import torch
import transformers

from core.engine import Engine
from core.errors import UserError
from core.models.abilities import DualEncoder
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.models.layers.dual_encoder import TransformersPair
from core.settings import Settings
from core.training.data.example import Example
from core.training.objective import Learner
from core.training.objectives.contrastive import Contrastive, ContrastiveConfig, ground_truth
from tests import HUB_CACHE
from tests.core.training.objectives._small import check_learning, shapes, trained

CLIP, SIGLIP, ALIGN = "openai/clip-vit-base-patch32", "google/siglip-base-patch16-224", "kakaobrain/align-base"


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return shapes(tmp_path_factory.mktemp("shapes"), 8)


def fresh(objective, rows):
    torch.manual_seed(0)
    return objective.learner(rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{}, {"lock_image": False}, {"loss": "sigmoid"}, {"loss": "infoloob"}, {"neighbours": True}],
    ids=str,
)
def test_maps_over_the_embedded_pair_learn(models, examples, settings):
    objective = Contrastive(ContrastiveConfig(**settings), models)
    rows = objective.encode(examples)
    learner = check_learning(lambda: fresh(objective, rows), rows, rate=1e-3, falls=0.95)
    assert set(learner.maps) == ({"text"} if objective.config.lock_image else {"image", "text"})


@pytest.mark.slow
@pytest.mark.parametrize(("base", "loss"), [(CLIP, "softmax"), (SIGLIP, "sigmoid"), (CLIP, "infoloob")])
@pytest.mark.parametrize("lock", [True, False])
def test_lora_on_a_published_checkpoint_learns(models, examples, base, loss, lock):
    config = ContrastiveConfig(loss=loss, lock_image=lock)
    rows = Contrastive(config, models, base).encode(examples)
    learner = check_learning(lambda: fresh(Contrastive(config, models, base), rows), rows)
    sides = {"vision" in name for name, weight in learner.named_parameters() if weight.requires_grad}
    assert sides == ({False} if lock else {False, True})


@pytest.mark.slow
def test_every_published_pair_can_be_adapted(models, examples):
    bases = [spec.id for spec in models.catalog.specs(TransformersPair)]
    assert Contrastive.bases(models) == [EMBEDDED, *bases]
    for base in bases:
        objective = Contrastive(ContrastiveConfig(), models, base)
        rows = objective.encode(examples)
        learner = fresh(objective, rows)
        wanted = models.embed_texts(base, [example.text for example in examples])
        np.testing.assert_allclose(learner.outputs(rows)["text"].detach(), wanted, atol=1e-5)
        learner(**rows)["loss"].backward()
        adapted = [weight.grad for weight in learner.parameters() if weight.requires_grad]
        assert any(gradient is not None and gradient.any() for gradient in adapted), base


@pytest.mark.slow
@pytest.mark.parametrize("base", [EMBEDDED, CLIP, SIGLIP])
def test_what_is_saved_gives_the_same_vectors(models, examples, base, tmp_path):
    objective = Contrastive(ContrastiveConfig(lock_image=False), models, base)
    rows = objective.encode(examples)
    learner = fresh(objective, rows)
    trained(learner, rows, 3)
    objective.save(learner, tmp_path / "mine")
    for file in (tmp_path / "mine").iterdir():
        assert str(HUB_CACHE).encode() not in file.read_bytes(), f"{file.name}: it may be given away"
    found = {side: value.detach() for side, value in learner.outputs(rows).items()}
    again = Models(Engine(Settings(device="cpu")), tmp_path)
    assert "mine" in [spec.id for spec in again.catalog.specs(DualEncoder)]
    texts, pictures = [example.text for example in examples], [example.picture() for example in examples]
    np.testing.assert_allclose(again.embed_texts("mine", texts), found["text"], atol=1e-5)
    np.testing.assert_allclose(again.embed_images("mine", pictures), found["image"], atol=1e-5)
    with torch.no_grad():
        assert set(objective.measure(learner, rows, examples)) == {"R@1", "R@1 pictures to words"}
        assert objective.predict(learner, rows, examples)[0] in texts
    if base == CLIP:
        plain = transformers.CLIPModel.from_pretrained(tmp_path / "mine").eval()
        processor = transformers.AutoProcessor.from_pretrained(tmp_path / "mine", backend="pil")
        with torch.no_grad():
            outputs = plain(
                **processor(text=texts, images=pictures, padding=True, truncation=True, return_tensors="pt")
            )
        np.testing.assert_allclose(outputs.text_embeds, found["text"], atol=1e-5)


def test_what_cannot_be_adapted_says_so(models, examples):
    for base, settings in ((CLIP, {"loss": "sigmoid"}), (ALIGN, {"lock_image": False})):
        objective = Contrastive(ContrastiveConfig(**settings), models, base)
        with pytest.raises(UserError, match=r"Choose another|Lock the image"):
            objective.learner(objective.encode(examples))


class Vectors(Learner):
    """Gives the rows as they are."""

    def outputs(self, batch):
        return dict(batch)

    def loss(self, outputs, batch):
        return {}


def vectors(*rows):
    return torch.nn.functional.normalize(torch.tensor(rows, dtype=torch.float32), dim=1)


def test_several_captions_of_a_picture_and_equal_captions_are_all_right(models):
    """a and b have two captions each, of which "both" is the same; c has one of its own."""
    examples = [
        Example(image, text) for image, text in zip("aabbc", ("one", "Both", "both", "two", "three"), strict=True)
    ]
    assert ground_truth(examples) == ([0, 2, 4], [[0], [0, 1], [0, 1], [1], [2]], [[0, 1, 2], [1, 2, 3], [4]])
    a, b, c = (1, 0, 0.1), (0, 1, 0), (0, 0, 1)
    rows = {"image": vectors(a, a, b, b, c), "text": vectors(a, b, a, b, c)}  # a's "Both" resembles b, b's "both" a
    objective = Contrastive(ContrastiveConfig(), models)
    assert objective.measure(Vectors(), rows, examples) == {"R@1": 1.0, "R@1 pictures to words": 1.0}
    rows["text"] = vectors(c, b, a, b, a)  # "one" finds c, "three" finds a
    assert objective.measure(Vectors(), rows, examples) == {
        "R@1": pytest.approx(3 / 5),
        "R@1 pictures to words": pytest.approx(2 / 3),
    }
