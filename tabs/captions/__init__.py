# SPDX-License-Identifier: Apache-2.0

"""Captions by models that were never trained on captioned pictures: chosen from a bank by ASIF, or written word by word by MaGiC."""

from __future__ import annotations

import gradio as gr

from core.assets import EXAMPLES_FOLDER
from tabs._lab import Lab, Tab
from tabs._widgets import read_more
from tabs.captions import asif, compare, magic
from web.inputs import PhotoInput

EXAMPLES = [
    "kitten-yarn-ball.jpg",
    "dog-german-shepherd.jpg",
    "coffee-cup-spoon.jpg",
    "rowing-boats-shore.jpg",
    "mariachi-band.jpg",
]
ABOUT = """Two ways to put a picture into words with models that were never trained on pictures with captions: both show every number
that decided. Beside them, captioners that were."""
MORE = """**Read more:** [ASIF](https://arxiv.org/abs/2210.01738); [MaGiC](https://arxiv.org/abs/2205.02655) and the
[contrastive search](https://arxiv.org/abs/2202.06417) it builds on; choosing by consensus as in
[Devlin et al.](https://arxiv.org/abs/1505.04467); the article
[A Dive into Vision-Language Models](https://huggingface.co/blog/vision_language_pretraining), section “No Training”."""


def build(lab: Lab) -> None:
    gr.Markdown(ABOUT)
    with gr.Row():
        with gr.Column(min_width=300):
            image = PhotoInput(label="Your picture", height=300)
        with gr.Column(min_width=300):
            examples = gr.Examples(
                [[str(EXAMPLES_FOLDER / file)] for file in EXAMPLES],
                inputs=[image],
                label="Examples: choose one and it runs",
                cache_examples=False,
            )
    with gr.Tabs():
        with gr.Tab("ASIF"):
            asif.build(lab, image, examples)
        with gr.Tab("MaGiC"):
            magic.build(lab, image)
        with gr.Tab("Compare"):
            compare.build(lab, image)
    read_more(MORE)


TAB = Tab("captions", "Captions", 50, build)
