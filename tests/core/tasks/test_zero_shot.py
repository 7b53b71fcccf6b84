import json

import numpy as np
import pytest
from PIL import Image

from core.errors import UserError
from core.models.family import EMBEDDED
from core.tasks import zero_shot

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
    for bad in ("a photo", "{} and {}", "{0}"):
        with pytest.raises(UserError, match=r"needs \{\} once"):
            zero_shot.parse_templates(bad)


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
    assert by["independent"].calibrated
    clip = zero_shot.classify(models, CLIP, images, LABELS, scoring="independent")
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


def test_nothing_to_score_is_a_hint(models, images):
    with pytest.raises(UserError, match="Choose a picture"):
        zero_shot.classify(models, CLIP, [], LABELS)
    with pytest.raises(UserError, match="at most 2,000 are read"):
        zero_shot.classify(models, CLIP, images, [str(n) for n in range(201)], ["{} " + "x" * n for n in range(10)])
    with pytest.raises(UserError, match="no scoring called"):
        zero_shot.classify(models, CLIP, images, LABELS, scoring="magic")
    with pytest.raises(UserError, match="no model called"):
        zero_shot.classify(models, "../../etc/passwd", images, LABELS)
