# SPDX-License-Identifier: Apache-2.0

"""What plain transformers and the lab's own family make of the model that was kept."""

import pytest
import torch
from transformers import AutoImageProcessor, AutoTokenizer, VisionEncoderDecoderModel

from core.engine import Engine
from core.models.abilities import AttentiveCaptioner
from core.models.inference import Models
from core.results import Captioned
from core.settings import Settings
from core.tasks import captioning
from core.training.objectives._captioning import token_rows
from core.training.objectives.encoder_decoder import EncoderDecoder, EncoderDecoderConfig

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """(folder of folders, the objective, its learner)"""
    folder = tmp_path_factory.mktemp("kept")
    objective = EncoderDecoder(EncoderDecoderConfig(heads=1, layers=1), Models(Engine(Settings(device="cpu"))))
    torch.manual_seed(0)
    learner = objective.learner({}).eval()
    with torch.no_grad():
        for name, weight in learner.named_parameters():
            if "crossattention.c_proj" in name:
                weight.mul_(20)  # so that it tells its pictures apart
    objective.save(learner, folder / "mine")
    return folder, objective, learner


def test_plain_transformers_loads_it(kept, images):
    folder, _, learner = kept
    model = VisionEncoderDecoderModel.from_pretrained(folder / "mine").eval()
    processor = AutoImageProcessor.from_pretrained(folder / "mine", backend="pil")
    ids = token_rows(AutoTokenizer.from_pretrained(folder / "mine"), ["a bus and a kettle"])[:, :6]
    pixels = processor(images=images[:1], return_tensors="pt").pixel_values
    with torch.no_grad():
        theirs = model(pixel_values=pixels, decoder_input_ids=ids).logits
        ours = learner.model(pixel_values=pixels, decoder_input_ids=ids).logits
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_the_family_writes_the_same_and_says_where_it_looked(kept, images):
    folder, objective, learner = kept
    models = Models(objective.models.engine, folder)
    assert issubclass(models.catalog.adapter("mine"), AttentiveCaptioner)
    encoding = models.encode("mine", images[0])
    captions = models.call("mine", "caption", encoding)
    pixels = objective.processor(images[0], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        written = learner.model.generate(pixel_values=pixels, max_new_tokens=30, num_beams=5, length_penalty=0.0)
    assert objective.tokenizer.decode(written[0], skip_special_tokens=True).strip() == next(iter(captions))
    rows = [Captioned(0, name, {"a rubber duck": 1.0}, 0.5, True) for name in ("ASIF", "mine")]
    found = captioning.attribution(models, images[0], rows)
    assert captioning.attribution(models, images[0], rows[:1]) is None
    assert found.words == ["a", "rubber", "duck"]
    assert found.maps.shape == (3, 8, 8)
    assert float(found.maps.amax()) == pytest.approx(1)


def test_the_loss_is_transformers_own(kept, images):
    """Its `labels` are shifted to the right by itself; one caption, so that nothing is padded."""
    _, objective, learner = kept
    ids = token_rows(objective.tokenizer, ["a bus and a kettle"])
    pixels = objective.processor(images[0], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        found = learner(pixels=pixels, ids=ids)["loss"]
        expected = learner.model(pixel_values=pixels, labels=ids[:, 1:][ids[:, 1:] >= 0][None]).loss
    assert float(found) == pytest.approx(float(expected), abs=1e-5)
