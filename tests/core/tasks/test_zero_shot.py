# SPDX-License-Identifier: Apache-2.0

import io
import json
import threading

import numpy as np
import pytest
from PIL import Image

from core.assets import EXAMPLES_FOLDER
from core.errors import Stopped, UserError
from core.models.family import EMBEDDED
from core.tasks import zero_shot
from tests.test_architecture import ROOT

CLIP, SIGLIP = "openai/clip-vit-base-patch32", "google/siglip2-base-patch16-224"
LABELS = ["cat", "dog", "red car"]


def test_labels_are_split_trimmed_and_deduplicated():
    assert zero_shot.parse_labels(" cat, dog\n\ncat,,\tbird \0 ") == ["cat", "dog", "bird"]
    assert zero_shot.parse_labels("🐈, قطة, \ud800") == ["🐈", "قطة", "?"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" ,\n ", "at least one label"),
        (",".join(map(str, range(1001))), "1,001 labels"),
        ("x" * 201, "more than 200 characters"),
        ("x" * 5_000_000, "5,000,000 characters"),
    ],
)
def test_bad_labels_get_a_hint(text, message):
    with pytest.raises(UserError, match=message):
        zero_shot.parse_labels(text)


def test_templates():
    assert zero_shot.parse_templates("") == ["{}"]
    assert zero_shot.parse_templates("a {}\na {}\n{} there") == ["a {}", "{} there"]
    for bad in ("a photo", "{} and {}", "{0}", "a {} {", "} {}", "{{}}", "a {} {label}"):
        with pytest.raises(UserError, match=r"needs \{\} once"):
            zero_shot.parse_templates(bad)


@pytest.mark.slow
def test_softmax_cosine_and_bias_fit_together(models, images):
    for name in (CLIP, SIGLIP):
        scale = models.detail(name, "scale")
        by = {
            scoring: zero_shot.classify(models, name, images, LABELS, scoring=scoring) for scoring in zero_shot.SCORINGS
        }
        cosines, logits = np.array(by["softmax"].similarities), np.array(by["softmax"].logits)
        assert np.allclose(logits, scale.scale * cosines + scale.bias, atol=1e-5)
        assert np.allclose(np.sum(by["softmax"].scores, 1), 1, atol=1e-5)
        assert np.allclose(by["cosine"].scores, cosines)
        powers = np.exp(logits)
        assert np.allclose(by["softmax"].scores, powers / powers.sum(1, keepdims=True), atol=1e-5)
    assert np.allclose(by["independent"].scores, 1 / (1 + np.exp(-logits)), atol=1e-5)  # SigLIP was trained so
    assert by["independent"].sigmoid
    assert not by["independent"].calibrated  # how often its scores are right was never measured
    clip = zero_shot.classify(models, CLIP, images, LABELS, scoring="independent")
    assert not clip.calibrated
    assert not clip.sigmoid
    assert zero_shot.classify(models, EMBEDDED, images, LABELS, scoring="independent").calibrated
    assert zero_shot.classify(models, EMBEDDED, images, LABELS).calibrated  # which label: measured, too
    assert not zero_shot.classify(models, EMBEDDED, images, LABELS, scoring="cosine").calibrated
    assert not clip.calibrated


def test_templates_are_averaged_as_clip_does(models):
    vectors = zero_shot.label_vectors(models, CLIP, LABELS, ["a {}", "one {}"])
    each = np.stack([models.embed_texts(CLIP, [f"{word} {label}" for label in LABELS]) for word in ("a", "one")])
    mean = each.mean(0)
    assert np.allclose(vectors, mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-6)


def test_follow_up_labels_do_not_look_at_the_picture_again(models, images, monkeypatch):
    zero_shot.classify(models, CLIP, images, LABELS)
    asked = []
    run = models.engine.map

    def spy(key, load, method, *rest):
        asked.append(method)
        return run(key, load, method, *rest)

    monkeypatch.setattr(models.engine, "map", spy)
    zero_shot.classify(models, CLIP, images, [*LABELS, "horse"])
    assert asked == ["embed_texts"]


@pytest.mark.slow
@pytest.mark.parametrize("scoring", list(zero_shot.SCORINGS))
@pytest.mark.parametrize("name", [EMBEDDED, CLIP, SIGLIP])
@pytest.mark.parametrize("templates", [["a photo of a {}"], ["a photo of a {}", "{}"]])
def test_the_shown_program_gives_the_same_answer(models, tmp_path, monkeypatch, capsys, name, scoring, templates):
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (70, 90, 3), dtype=np.uint8))
    file = str(tmp_path / "it's.png")
    picture.save(file)
    result = zero_shot.classify(models, name, [picture], LABELS, templates, scoring)
    text = zero_shot.program(models, name, [file], LABELS, templates, scoring)
    exec(compile(text, "program", "exec"), {})
    printed = json.loads(capsys.readouterr().out.strip().splitlines()[-1].replace("'", '"'))
    assert printed == pytest.approx(dict(zip(LABELS, result.scores[0], strict=True)), abs=2e-4)


@pytest.mark.slow
def test_a_program_says_how_to_run_it(models, monkeypatch, capsys):
    """The examples that ship are named as they lie in the lab's folder, so there it runs as copied."""
    text = zero_shot.program(models, EMBEDDED, ["kitten-yarn-ball.jpg"], LABELS, ["a {}"], "softmax")
    assert text.startswith("# Run this from the lab's folder, the one with app.py.\n")
    assert "'assets/examples/kitten-yarn-ball.jpg'" in text
    monkeypatch.chdir(ROOT)
    exec(compile(text, "program", "exec"), {})
    result = zero_shot.classify(models, EMBEDDED, [EXAMPLES_FOLDER / "kitten-yarn-ball.jpg"], LABELS, ["a {}"])
    assert f"'cat': {round(result.scores[0][0], 4)}" in capsys.readouterr().out
    text = zero_shot.program(models, EMBEDDED, ["my\nown.jpg"], LABELS, ["a {}"], "softmax")
    assert text.startswith("# Run this from the lab's folder, the one with app.py, with 'my\\nown.jpg' in it.\n")
    text = zero_shot.program(models, CLIP, ["own.jpg", "b.jpg"], LABELS, ["a {}"], "softmax")
    assert text.startswith("# Run this in the folder of 'own.jpg', 'b.jpg'. It needs the packages torch, ")


@pytest.mark.slow
def test_a_photo_that_lies_on_its_side_is_turned_by_the_program_too(models, tmp_path, capsys):
    photo, exif = Image.open(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg").resize((300, 200)), Image.Exif()
    exif[0x0112] = 8
    photo.save(tmp_path / "phone.png", exif=exif)
    file = str(tmp_path / "phone.png")
    exec(compile(zero_shot.program(models, EMBEDDED, [file], LABELS, ["a {}"], "cosine"), "program", "exec"), {})
    result = zero_shot.classify(models, EMBEDDED, [file], LABELS, ["a {}"], "cosine")
    printed = json.loads(capsys.readouterr().out.replace("'", '"'))
    assert printed == pytest.approx(dict(zip(LABELS, result.scores[0], strict=True)), abs=2e-4)
    lying = zero_shot.classify(models, EMBEDDED, [photo], LABELS, ["a {}"], "cosine")
    assert lying.scores[0] != pytest.approx(result.scores[0], abs=2e-4)


def test_files_and_pictures_are_one(models, images, tmp_path):
    files = []
    for number, image in enumerate(images):
        files.append(tmp_path / f"{number}.png")
        image.save(files[-1])
    out, steps = io.BytesIO(), []
    images[0].save(out, "GIF", save_all=True, append_images=images[1:4])
    by_file = zero_shot.classify(
        models, CLIP, [*files, out.getvalue()], LABELS, on_step=lambda *step: steps.append(step)
    )
    np.testing.assert_allclose(by_file.scores[:5], zero_shot.classify(models, CLIP, images, LABELS).scores, atol=1e-6)
    assert by_file.notes == [""] * 5 + ["Only the first of 4 frames is used."]
    assert steps[:2] == [(4, 6), (6, 6)]


def test_it_stops_between_batches(models, images):
    stop, steps = threading.Event(), []
    with pytest.raises(Stopped):
        zero_shot.classify(
            models, CLIP, images * 3, LABELS, on_step=lambda *s: (steps.append(s), stop.set()), stop=stop
        )
    assert steps == [(4, 15)]


def test_nothing_to_score_is_a_hint(models, images):
    with pytest.raises(UserError, match="Choose a picture"):
        zero_shot.classify(models, CLIP, [], LABELS)
    with pytest.raises(UserError, match="at most 2,000 are read"):
        zero_shot.classify(models, CLIP, images, [str(n) for n in range(201)], ["{} " + "x" * n for n in range(10)])
    with pytest.raises(UserError, match="no scoring called"):
        zero_shot.classify(models, CLIP, images, LABELS, scoring="magic")
    with pytest.raises(UserError, match="no model called"):
        zero_shot.classify(models, "../../etc/passwd", images, LABELS)
