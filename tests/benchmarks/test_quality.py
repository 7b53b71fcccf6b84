# SPDX-License-Identifier: Apache-2.0

import json
import shutil
import sys

import pytest
from PIL import Image

from benchmarks import quality
from core.assets import GALLERY_FOLDER


@pytest.fixture
def coco(tmp_path):
    """A COCO-shaped folder of four pictures: two categories twice each, one once."""
    shows = {"cat-chelsea": [1], "kitten-sleeping": [1], "dog-german-shepherd": [2, 3], "dogs-doorway": [2]}
    (tmp_path / "images").mkdir()
    for name in shows:
        shutil.copy(GALLERY_FOLDER / "pictures" / f"{name}.jpg", tmp_path / "images")
    sizes = [Image.open(GALLERY_FOLDER / "pictures" / f"{name}.jpg").size for name in shows]
    images = [
        {"id": i, "file_name": f"{name}.jpg", "width": width, "height": height}
        for i, (name, (width, height)) in enumerate(zip(shows, sizes, strict=True))
    ]
    categories = [
        {"id": 1, "name": "cat", "supercategory": "animal"},
        {"id": 2, "name": "dog", "supercategory": "animal"},
        {"id": 3, "name": "frisbee", "supercategory": "sports"},
    ]
    box = [[20, 20, 200, 20, 200, 200, 20, 200]]
    instances = [
        {"image_id": i, "category_id": c, "segmentation": box} for i, kinds in enumerate(shows.values()) for c in kinds
    ]
    captions = [{"image_id": i, "caption": name.replace("-", " ")} for i, name in enumerate(shows)]
    (tmp_path / "instances.json").write_text(json.dumps({"images": images, "annotations": instances, "categories": categories}))  # fmt: skip
    (tmp_path / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    return tmp_path


@pytest.mark.slow
def test_the_program_writes_the_figures_it_prints(coco, monkeypatch, capsys):
    out = coco / "figures.json"
    monkeypatch.setattr(sys, "argv", ["quality", "--coco", str(coco), "--json", str(out)])
    quality.main()
    figures = json.loads(out.read_text())
    assert set(figures) == {"presence", "t2i", "i2t", "vqa", "segmentation", "caption_asif", "caption_magic"}
    assert figures["presence"]["mAP"] == 1  # cats before dogs and dogs before cats; one frisbee does not count
    assert 0 <= figures["presence"]["ECE"] < 0.5
    assert set(figures["t2i"]) == set(figures["i2t"]) == {"R@1", "R@5", "R@10"}
    assert figures["t2i"]["R@5"] == 1
    assert figures["vqa"]["existence"] > figures["vqa"]["existence prior"]
    assert figures["vqa"]["identity"] == 1  # two cats, two dogs
    assert 0.1 < figures["segmentation"]["mIoU"] <= figures["segmentation"]["mIoU_large"] < 1
    assert 0 <= figures["segmentation"]["absent_area"] < 0.2
    assert set(figures["caption_asif"]) == {"CIDEr", "BLEU-4"}
    assert {"CIDEr", "BLEU-4", "CIDEr as published"} < set(figures["caption_magic"])
    assert "mAP 1.000" in capsys.readouterr().out


@pytest.mark.slow
def test_only_picks_parts(coco, monkeypatch):
    out = coco / "figures.json"
    monkeypatch.setattr(sys, "argv", ["quality", "--coco", str(coco), "--only", "t2i", "--json", str(out)])
    quality.main()
    assert set(json.loads(out.read_text())) == {"t2i"}
