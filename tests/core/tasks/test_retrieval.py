# SPDX-License-Identifier: Apache-2.0

import threading
import time

import numpy as np
import pytest

from core import images
from core.assets import EXAMPLES_FOLDER
from core.data.bundled import NAME, bundled
from core.data.galleries import Gallery
from core.errors import Stopped
from core.models.family import EMBEDDED
from core.tasks import retrieval
from core.tasks._ranking import recall, top_k
from tests.core.data.gallery_fakes import colour_files
from tests.test_architecture import ROOT

CLIP = "openai/clip-vit-base-patch32"
BLIP = "Salesforce/blip-itm-base-coco"

RNG = np.random.default_rng(0)


def brute_force(gallery, query, k):
    """Every score, sorted by score and then by position, one by one."""
    scores = [float(sum(a * b for a, b in zip(row, query, strict=True))) for row in gallery.tolist()]
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    return order, [scores[i] for i in order]


@pytest.mark.parametrize("k", [1, 2, 9, 10, 59, 60, 1_000])
@pytest.mark.parametrize("levels", [1, 2, 3, 100])
def test_top_k_equals_brute_force_with_ties(k, levels):
    for _ in range(5):
        gallery = RNG.integers(0, levels, (60, 3)).astype(np.float32)  # whole numbers: no rounding, many ties
        query = RNG.integers(-2, 3, 3).astype(np.float32)
        assert top_k(gallery, query, k) == brute_force(gallery, query, k)


def test_top_k_of_nothing():
    assert top_k(np.zeros((0, 0), np.float32), np.ones(4, np.float32), 5) == ([], [])
    assert top_k(np.ones((3, 4), np.float32), np.ones(4, np.float32), 0) == ([], [])


@pytest.mark.slow
def test_search_costs_little_more_than_reading_the_vectors_once():
    """The floor: np.max, which reads every byte once, writes nothing and is vectorised.

    Interleaved, the median of the per-round ratios. The product itself is such a pass; what this leaves
    room for is the selection, so a full sort, a copy or a second pass over the matrix fails.
    """
    gallery = RNG.standard_normal((100_000, 512), dtype=np.float32)
    query = gallery[4_711] / np.linalg.norm(gallery[4_711])
    ratios = []
    for turn in range(22):
        start = time.perf_counter()
        gallery.max()
        middle = time.perf_counter()
        best, _ = top_k(gallery, query, 10)
        end = time.perf_counter()
        assert best[0] == 4_711
        if turn > 2:  # the first rounds wake the memory and the threads
            ratios.append((end - middle) / (middle - start))
    assert np.median(ratios) <= 1.5, sorted(ratios)


def test_recall_of_a_small_example():
    gallery = np.eye(4, dtype=np.float32)
    queries = np.array(
        [
            [0.9, 0.1, 0.0, 0.0],  # finds row 0, wants 0: rank 1
            [0.9, 0.5, 0.1, 0.0],  # finds row 0, wants 1: rank 2
            [0.1, 0.2, 0.3, 0.9],  # finds row 3, wants 0 or 1: the better of them is third
            [0.8, 0.7, 0.6, 0.5],  # finds row 0, wants 3: rank 4
        ],
        np.float32,
    )
    right = [[0], [1], [0, 1], [3]]
    result = recall(queries, gallery, right, at=(1, 2, 3, 4))
    assert result.at == {1: 0.25, 2: 0.5, 3: 0.75, 4: 1.0}
    assert result.failures == []
    named = recall(queries, gallery, right, (1,), ["q0", "q1", "q2", "q3"], ["g0", "g1", "g2", "g3"], failures=2)
    assert [(f.query, f.wanted, f.got, f.rank) for f in named.failures] == [
        ("q3", "g3", "g0", 4),
        ("q2", "g0", "g3", 3),
    ]


def test_recall_gives_nothing_for_seeing_no_difference():
    same = np.ones((4, 2), np.float32)
    assert recall(same, same, [[0], [1], [2], [3]], at=(1, 2)).at == {1: 0.25, 2: 0.5}
    assert recall(same[:1], same, [[3, 1]], at=(1, 2)).at == {1: 0.0, 2: 1.0}


def plain_recall(queries, gallery, right):
    """Rank by rank, one query at a time."""
    ranks = []
    for query, own in zip(queries, right, strict=True):
        scores = gallery @ query
        order = sorted(range(len(gallery)), key=lambda row: (-scores[row], row))
        ranks.append(1 + min(order.index(row) for row in own))
    return {k: float(np.mean([rank <= k for rank in ranks])) for k in (1, 5, 10)}


@pytest.mark.parametrize("levels", [2, 3, 50])
def test_recall_in_blocks_is_recall_query_by_query(levels, monkeypatch):
    monkeypatch.setattr("core.tasks._ranking.BLOCK_SCORES", 250)  # five queries at a time
    gallery = RNG.integers(0, levels, (50, 4)).astype(np.float32)
    queries = RNG.integers(-2, 3, (43, 4)).astype(np.float32)
    right = [RNG.choice(50, RNG.integers(1, 4), replace=False).tolist() for _ in queries]
    steps = []
    found = recall(queries, gallery, right, on_step=lambda *step: steps.append(step))
    assert found.at == plain_recall(queries, gallery, right)
    assert steps == [(n, 43) for n in (5, 10, 15, 20, 25, 30, 35, 40, 43)]


def test_recall_stops_between_blocks(monkeypatch):
    monkeypatch.setattr("core.tasks._ranking.BLOCK_SCORES", 8)
    stop, steps = threading.Event(), []
    same = np.eye(4, dtype=np.float32)
    with pytest.raises(Stopped):
        recall(same, same, [[0], [1], [2], [3]], on_step=lambda *s: (steps.append(s), stop.set()), stop=stop)
    assert steps == [(2, 4)]


def test_measuring_shows_where_it_is(models):
    steps = []
    words, pictures = retrieval.evaluate(models, EMBEDDED, bundled(), lambda *step: steps.append(step))
    assert 0 < words.at[1] <= words.at[5] <= words.at[10] <= 1
    assert 0 < pictures.at[1] <= 1
    assert steps[-1][0] == steps[-1][1] == 2 * len(bundled())


@pytest.mark.slow
def test_equal_captions_answer_for_each_other(models, tmp_path):
    files = [(path, "a colour") for path, _ in colour_files(tmp_path / "in", 4)]
    gallery = Gallery("mine", tmp_path / "own")
    gallery.add(files)
    words, pictures = retrieval.evaluate(models, EMBEDDED, gallery)
    assert words.at[1] == pictures.at[1] == 1


def test_pictures_are_ordered_anew_a_few_at_a_time(models, tmp_path, monkeypatch):
    gallery = Gallery("mine", tmp_path / "own")
    gallery.add(colour_files(tmp_path / "in", 9))
    sizes, match = [], models.match
    monkeypatch.setattr(
        models, "match", lambda name, pairs, *rest: sizes.append(len(pairs)) or match(name, pairs, *rest)
    )
    steps = []
    ids = [item.id for item in gallery.items]
    hits = retrieval.rerank(models, BLIP, gallery, "red", ids, lambda *step: steps.append(step))
    assert sizes == [images.IMAGES_AT_ONCE, images.IMAGES_AT_ONCE, 1]
    assert steps == [(4, 9), (8, 9), (9, 9)]
    assert sorted(hit.id for hit in hits) == sorted(ids)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.slow
def test_the_map_is_fitted_once_for_these_pictures_and_this_model(models, tmp_path, monkeypatch):
    gallery = Gallery("mine", tmp_path / "own")
    gallery.add(colour_files(tmp_path / "in", 6))
    first, fitted = retrieval.plane(models, EMBEDDED, gallery), []
    fit = retrieval.fit_plane
    monkeypatch.setattr(retrieval, "fit_plane", lambda vectors: fitted.append(len(vectors)) or fit(vectors))
    again = retrieval.plane(models, EMBEDDED, gallery)
    np.testing.assert_array_equal(first.points, again.points)
    assert fitted == []
    gallery.add(colour_files(tmp_path / "more", 1, first=9))
    assert retrieval.plane(models, EMBEDDED, gallery).points.shape == (7, 2)
    retrieval.plane(models, CLIP, gallery)
    assert fitted == [7, 7]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "image"), [("a dog", ""), ("", "kitten-yarn-ball.jpg"), ("a dog", "kitten-yarn-ball.jpg")]
)
def test_the_program_shown_ranks_alike_and_embeds_no_gallery(models, monkeypatch, capsys, text, image):
    picture = images.read(EXAMPLES_FOLDER / image).image if image else None
    query = retrieval.query_vector(models, EMBEDDED, text, picture)
    hits = retrieval.search(models, EMBEDDED, bundled(), query, 5)
    shown = retrieval.program(models, EMBEDDED, NAME, text, image, 5)
    assert shown.startswith("# Run this from the lab's folder, the one with app.py.\n")
    assert "iterdir" not in shown
    monkeypatch.chdir(ROOT)
    exec(compile(shown, "program", "exec"), {})
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [key for _, key in printed] == [hit.id for hit in hits]
    assert [float(score) for score, _ in printed] == pytest.approx([hit.score for hit in hits], abs=2e-4)


def test_the_program_for_a_gallery_of_ones_own_ranks_alike(models, tmp_path, monkeypatch, capsys):
    (tmp_path / "run").mkdir()
    files = colour_files(tmp_path / "run" / "my-pictures", 6)
    gallery = Gallery("mine", tmp_path / "own")
    gallery.add(files)
    shown = retrieval.program(models, CLIP, "mine", "red", "", 3)
    assert shown.startswith("# Run this in the folder of 'my-pictures/'. It needs the packages torch, ")
    monkeypatch.chdir(tmp_path / "run")
    exec(compile(shown.replace(f'"{CLIP}"', f'"{models.catalog.path(CLIP)}"'), "program", "exec"), {})
    vectors = models.embed_images(CLIP, [images.read(path).image for path, _ in files])
    best, scores = top_k(vectors, models.embed_texts(CLIP, ["red"])[0], 3)
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [float(score) for score, _ in printed] == pytest.approx(scores, abs=2e-4)
    assert [key for _, key in printed] == [files[i][0].stem for i in best]
