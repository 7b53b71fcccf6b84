# SPDX-License-Identifier: Apache-2.0

"""Where the files that ship with the lab lie; `recipes/` makes them, `assets/LICENSES.md` says where they come from."""

from pathlib import Path

ASSETS = Path(__file__).parents[1] / "assets"
CAPTIONER_FOLDER = ASSETS / "captioner"  # the caption language model and the caption bank sampled from it
EMBEDDED_FOLDER = ASSETS / "embedded"  # the built-in model's anchors and calibration
EXAMPLES_FOLDER = ASSETS / "examples"
GALLERY_FOLDER = ASSETS / "gallery"
SEGMENTATION_FOLDER = ASSETS / "segmentation"  # the mask decoder
VQA_FOLDER = ASSETS / "vqa"  # the fusion transformer, and everyday words with their counts
