# SPDX-License-Identifier: Apache-2.0

import json
import shutil
import sys

import pytest
from PIL import Image

from benchmarks import quality
from core.assets import GALLERY_FOLDER
from core.figures import FILE, Figures, read, write
from core.measured import Measured


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
    assert set(figures) == set(quality.PARTS)
    assert value(figures["presence"]["mAP"]) == 1  # cats before dogs and dogs before cats; one frisbee does not count
    assert 0 <= value(figures["presence"]["ECE"]) < 0.5
    assert set(figures["t2i"]) == set(figures["i2t"]) == {"R@1", "R@5", "R@10"}
    assert figures["t2i"]["R@5"] == {"value": 1, "n": 4, "low": 1, "high": 1, "prior": 1}
    assert value(figures["vqa"]["identity"]) == 1  # two cats, two dogs
    assert 0.1 < value(figures["segmentation"]["mIoU"]) <= value(figures["segmentation"]["mIoU_large"]) < 1
    assert 0 <= value(figures["segmentation"]["absent_area"]) < 0.2
    assert set(figures["caption_asif"]) == {"CIDEr", "BLEU-4", "R@1", "R@5"}
    assert {"CIDEr", "BLEU-4", "CIDEr as published"} < set(figures["caption_magic"])
    printed = capsys.readouterr().out
    assert "R@5 1.000 [1.000, 1.000]" in printed
    assert not list(coco.glob("measured.json"))


@pytest.mark.slow
def test_writing_a_part_leaves_the_others(coco, monkeypatch, tmp_path):
    folders = {part: tmp_path / folder.name for part, folder in quality.SHIPPED.items()}
    monkeypatch.setattr(quality, "SHIPPED", folders)
    for folder in set(folders.values()):
        folder.mkdir()
    data, figure = f"4 COCO photographs ({coco.name})", Measured(0.5, 4, 0.3, 0.7)
    before = Figures("embedded", data, "2000-01-01", {"i2t.R@1": figure, "t2i.R@77": figure})
    write(folders["t2i"] / FILE, before)
    out = coco / "figures.json"
    monkeypatch.setattr(sys, "argv", ["quality", "--coco", str(coco), "--only", "t2i", "--json", str(out), "--write"])
    quality.main()
    assert set(json.loads(out.read_text())) == {"t2i"}
    found = read(folders["t2i"] / FILE)
    assert set(found.figures) == {"i2t.R@1", "t2i.R@1", "t2i.R@5", "t2i.R@10"}
    assert found.figures["i2t.R@1"] == figure
    assert found.date > before.date
    assert not (folders["vqa"] / FILE).exists()


def test_only_what_has_an_interval_is_written():
    figure = Measured(0.5, 4, 0.3, 0.7)
    assert quality.flat({"vqa": {"identity": figure, "identity prior": 0.4}}) == {"vqa.identity": figure}
    assert (quality.told(figure), quality.told(0.4)) == ("0.500 [0.300, 0.700]", "0.400")


def test_another_models_figures_are_not_written_beside_the_built_in_one(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["quality", "--coco", "x", "--model", "openai/clip", "--write"])
    with pytest.raises(SystemExit):
        quality.main()
    assert "for the built-in model" in capsys.readouterr().err


def value(figure):
    return figure["value"] if isinstance(figure, dict) else figure
