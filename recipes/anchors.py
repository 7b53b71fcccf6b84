# SPDX-License-Identifier: Apache-2.0

"""Make assets/embedded/anchors.{json,safetensors}: the text side of the embedded model's 1000 anchor pairs.

    pip install --no-deps open_clip_torch==3.3.0 timm==1.0.31
    python -m recipes.anchors

Names: OpenAI's cleaned ImageNet class names, from open_clip (MIT). Definitions: WordNet 3.0, from timm
(Apache-2.0; the definitions under WordNet's own licence). An anchor's text is the mean of MiniLM's unit
vectors of "a photo of a NAME" and "NAME: DEFINITION"; all are then centred by their mean, which queries
subtract too: what every sentence about a photograph shares says nothing about this one.
Takes about 20 s on two cores.
"""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from core.assets import EMBEDDED_FOLDER
from core.models.embedded.towers import Towers


def main() -> None:
    names = class_names()
    synsets = (timm_info() / "imagenet_synsets.txt").read_text().split()
    lines = (timm_info() / "imagenet_synset_to_definition.txt").read_text().splitlines()
    definitions = dict(line.split("\t", 1) for line in lines)
    anchors = [
        {"row": row, "wnid": wnid, "name": name, "definition": definitions[wnid].split('; "')[0]}
        for row, (wnid, name) in enumerate(zip(synsets, names, strict=True))
    ]
    towers = Towers.load(torch.device("cpu"))
    with torch.inference_mode():
        photos = torch.cat([towers.text_vectors([f"a photo of a {a['name']}"]) for a in anchors])
        glosses = torch.cat([towers.text_vectors([f"{a['name']}: {a['definition']}"]) for a in anchors])
        texts = torch.nn.functional.normalize(photos + glosses, dim=1)
        mean = texts.mean(0)
        centred = torch.nn.functional.normalize(texts - mean, dim=1)
    save_file({"text": centred.clone(), "text_mean": mean.clone()}, EMBEDDED_FOLDER / "anchors.safetensors")
    rows = ",\n".join(json.dumps(anchor, ensure_ascii=False) for anchor in anchors)
    (EMBEDDED_FOLDER / "anchors.json").write_text(f"[\n{rows}\n]\n")


def class_names() -> list[str]:
    """Read from open_clip's source without importing it: importing needs torchvision."""
    source = package("open_clip") / "zero_shot_metadata.py"
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "IMAGENET_CLASSNAMES":
            return ast.literal_eval(node.value)
    raise SystemExit(f"{source.name} no longer holds IMAGENET_CLASSNAMES; install open_clip_torch==3.3.0")


def timm_info() -> Path:
    return package("timm") / "data" / "_info"


def package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is missing; see the first lines of this file")
    return Path(spec.submodule_search_locations[0])


if __name__ == "__main__":
    main()
