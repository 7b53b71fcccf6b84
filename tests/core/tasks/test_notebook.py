# SPDX-License-Identifier: Apache-2.0

"""Notebooks are run, cell by cell, in a folder of their own, and print what the task says."""

import ast
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps

from core import images
from core.assets import EXAMPLES_FOLDER
from core.data import bank, bundled
from core.models.family import CAPTIONER, EMBEDDED
from core.tasks import asif, magic, retrieval, segmentation, vqa, zero_shot
from core.tasks._program import runs_with
from core.tasks.notebook import notebook, packages
from tests.test_architecture import ROOT

CLIP = "openai/clip-vit-base-patch32"
KITTEN = EXAMPLES_FOLDER / "kitten-yarn-ball.jpg"


def code_cells(text):
    """The sources of the code cells, of a file that is what nbformat.v4.5.schema.json asks for."""
    found = json.loads(text)
    assert set(found) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    assert {"name", "display_name"} <= set(found["metadata"]["kernelspec"])
    for cell in found["cells"]:
        both = {"cell_type", "id", "metadata", "source"}
        assert set(cell) == {"markdown": both, "code": both | {"execution_count", "outputs"}}[cell["cell_type"]]
        assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", cell["id"])
        assert all(isinstance(line, str) for line in cell["source"])
        assert all(line.endswith("\n") for line in cell["source"][:-1])
    assert len({cell["id"] for cell in found["cells"]}) == len(found["cells"])
    return ["".join(cell["source"]) for cell in found["cells"] if cell["cell_type"] == "code"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a notebook from an empty folder, but for its install line, and gives what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLM_LAB", str(ROOT))
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(text):
        names: dict = {}
        for cell in code_cells(text):
            if not cell.startswith("%pip"):
                exec(compile(cell, "cell", "exec"), names)
        return capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def kitten():
    return images.read(KITTEN).image


def test_it_says_what_it_answers_and_installs_what_it_imports(models):
    program = zero_shot.program(models, CLIP, ["my.jpg"], ["cat"], ["a {}"], "softmax")
    text = notebook(program, "Is it\na <b>cat</b>?", "By CLIP.", "http://lab/?q=a b)", {"my.jpg": KITTEN})
    first = "".join(json.loads(text)["cells"][0]["source"])
    assert first.startswith("# Is it a &lt;b&gt;cat&lt;/b&gt;?\n\nBy CLIP.\n\n")
    assert "(http://lab/?q=a%20b%29)" in first
    install, picture, code = code_cells(text)
    assert install == "%pip install -q torch pillow transformers"
    assert "Run this" not in code
    assert "[PICTURE]" in code
    assert "my.jpg" not in code
    assert ast.parse(picture)
    assert runs_with(program) == "with transformers"


def test_a_program_of_the_lab_looks_for_its_folder_first(models, tmp_path, monkeypatch):
    program = vqa.program(models, EMBEDDED, "kitten-yarn-ball.jpg", "Is there a cat?")
    lab, install, _, code = code_cells(notebook(program, "Is there a cat?", pictures={KITTEN.name: KITTEN}))
    assert install == "%pip install -q -r requirements.txt"
    assert "Image.open(PICTURE)" in code
    assert runs_with(program) == "with the lab's own code"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VLM_LAB", raising=False)
    with pytest.raises(FileNotFoundError, match="the one with app"):
        exec(lab, {})


def test_an_example_needs_the_lab_only_where_the_model_does(models):
    program = vqa.program(models, "dandelin/vilt-b32-finetuned-vqa", "kitten-yarn-ball.jpg", "Is there a cat?")
    assert "the lab's folder" in program
    assert "LAB" not in "".join(code_cells(notebook(program, "", pictures={KITTEN.name: KITTEN})))
    with pytest.raises(ValueError, match="does not read"):
        notebook(program, "", pictures={"other.jpg": KITTEN})


def written(source):
    """What the program would see of this picture, and how many bytes it came in."""
    cell = code_cells(notebook("x = 'a.png'\n", "", pictures={"a.png": source}))[1]
    names: dict = {}
    exec(cell, names)
    seen = ImageOps.exif_transpose(Image.open(names["PICTURE"])).convert("RGB")
    return seen, names["PICTURE"].stat().st_size


@pytest.mark.slow
def test_the_picture_keeps_every_pixel(tmp_path):
    """A JPEG is taken as it is, which is small; what a program would read otherwise becomes a PNG."""
    seen, size = written(KITTEN)
    assert size == KITTEN.stat().st_size
    np.testing.assert_array_equal(seen, images.read(KITTEN).image)
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 4), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "clear.png")
    for source in (tmp_path / "clear.png", images.read(KITTEN).image.resize((99, 66))):
        np.testing.assert_array_equal(written(source)[0], images.read(source).image)
    many = images.read(KITTEN).image.resize((2200, 2000))
    many.save(tmp_path / "large.jpg")
    seen, _ = written(tmp_path / "large.jpg")
    np.testing.assert_array_equal(seen, images.read(tmp_path / "large.jpg").image)
    assert seen.size < many.size


def test_packages():
    assert packages("import json\nimport torch.nn\nfrom PIL import Image\ntry:\n  import numpy\nexcept: 1") == [
        "torch", "pillow", "numpy",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_published_model_answers_the_same(models, run, kitten):
    program = zero_shot.program(models, CLIP, ["my.jpg"], ["cat", "dog"], ["a {}"], "softmax")
    program = program.replace(f'"{CLIP}"', f'"{models.catalog.path(CLIP)}"')
    printed = json.loads(run(notebook(program, "", pictures={"my.jpg": kitten})).replace("'", '"'))
    found = zero_shot.classify(models, CLIP, [kitten], ["cat", "dog"], ["a {}"])
    assert printed == pytest.approx(dict(zip(found.labels, found.scores[0], strict=True)), abs=2e-4)


@pytest.mark.slow
def test_classification(models, run, kitten):
    labels = ["cat", "dog", "car"]
    program = zero_shot.program(models, EMBEDDED, [KITTEN.name], labels, ["a photo of a {}"], "softmax")
    printed = json.loads(run(notebook(program, "", pictures={KITTEN.name: KITTEN})).replace("'", '"'))
    found = zero_shot.classify(models, EMBEDDED, [kitten], labels)
    assert printed == pytest.approx(dict(zip(labels, found.scores[0], strict=True)), abs=2e-4)


@pytest.mark.slow
def test_segmentation(models, run, kitten):
    program = segmentation.program(models, EMBEDDED, "own.jpg", ["a cat", "a car"])
    printed = run(notebook(program, "", pictures={"own.jpg": KITTEN}))
    found = segmentation.masks(segmentation.segment(models, EMBEDDED, kitten, ["a cat", "a car"]))
    assert printed.splitlines() == [f"{mask.label}: {mask.coverage:.1%} of the picture" for mask in found]


@pytest.mark.slow
def test_retrieval_reads_the_vectors_that_ship(models, run, kitten):
    program = retrieval.program(models, EMBEDDED, bundled.NAME, "a dog", "own.jpg", 5)
    assert "vectors.safetensors" in program
    printed = run(notebook(program, "", pictures={"own.jpg": kitten}))
    query = retrieval.query_vector(models, EMBEDDED, "a dog", kitten)
    hits = retrieval.search(models, EMBEDDED, bundled.bundled(), query, 5)
    assert re.findall(r"\S+$", printed, re.M) == [hit.id for hit in hits]


@pytest.mark.slow
def test_captions(models, run, kitten):
    printed = run(notebook(asif.program("own.jpg"), "", pictures={"own.jpg": KITTEN}))
    assert printed == asif.caption(models, kitten, bank.shipped()).caption + "\n"
    rule = magic.Rule(k=5, length=5)
    printed = run(
        notebook(magic.program(models, EMBEDDED, CAPTIONER, "own.jpg", rule), "", pictures={"own.jpg": KITTEN})
    )
    assert printed == magic.caption(models, EMBEDDED, [kitten], rule)[0].text + "\n"


@pytest.mark.slow
def test_a_question_in_a_process_of_its_own(models, tmp_path, kitten):
    """Nothing of this process helps it: neither what is imported nor where it stands."""
    question = "Is there a cat?"
    text = notebook(vqa.program(models, EMBEDDED, "my own.jpg", question), "", pictures={"my own.jpg": KITTEN})
    script = "\n".join(cell for cell in code_cells(text) if not cell.startswith("%pip"))
    (tmp_path / "cells.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "cells.py"],
        cwd=tmp_path,
        env={**os.environ, "VLM_LAB": str(ROOT), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    (found,) = vqa.answer(models, EMBEDDED, kitten, [question])
    assert done.stdout.splitlines() == [f"{word}: {n:.3f}" for word, n in found.confidences.items()], done.stderr
