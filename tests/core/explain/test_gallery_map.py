# SPDX-License-Identifier: Apache-2.0

import io

import numpy as np
import pytest
from PIL import Image

from core.explain.gallery_map import RASTERIZED_FROM, drawing, fit_plane


def project(vectors, queries):
    plane = fit_plane(vectors)
    return plane.points, plane.place(queries)


RNG = np.random.default_rng(0)


def flat_cloud(n=300, d=16):
    """Points that differ in two directions only, much more in the first, far from the origin."""
    directions = np.linalg.qr(RNG.standard_normal((d, 2)))[0].T
    places = RNG.standard_normal((n, 2)) * [5, 1]
    return (places @ directions + 3).astype(np.float32)


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=2)


def test_a_plane_is_shown_as_it_is():
    vectors = flat_cloud()
    points, queries = project(vectors, vectors[:3])
    assert points.shape == (300, 2)
    np.testing.assert_allclose(distances(points), distances(vectors), atol=1e-3)
    np.testing.assert_allclose(queries, points[:3], atol=1e-4)
    np.testing.assert_allclose(points.mean(0), 0, atol=1e-4)
    assert points[:, 0].std() > 3 * points[:, 1].std()


def test_queries_do_not_move_the_picture():
    vectors = flat_cloud()
    far = 100 * RNG.standard_normal((2, 16)).astype(np.float32)
    np.testing.assert_array_equal(project(vectors, far)[0], project(vectors, vectors[:1])[0])


def test_the_sign_is_that_of_the_largest_weight():
    for _ in range(8):
        vectors = flat_cloud()
        axes = project(vectors, vectors.mean(0) + np.eye(16, dtype=np.float32))[1]
        assert (axes[np.abs(axes).argmax(0), [0, 1]] > 0).all()


@pytest.mark.parametrize("n", [0, 1, 2, 12_000])
def test_any_number_of_vectors(n):
    vectors = RNG.standard_normal((n, 16)).astype(np.float32)
    points, queries = project(vectors, np.ones((2, 16), np.float32))
    assert points.shape == (n, 2)
    assert queries.shape == (2, 2)
    assert np.isfinite(points).all()
    assert np.isfinite(queries).all()


def drawn(fig):
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=75)
    return Image.open(buffer).convert("RGBA")


@pytest.mark.slow
def test_the_figure_shows_hits_by_rank_on_white():
    points = RNG.standard_normal((30, 2)).astype(np.float32)
    captions = [f"caption ${i} <b>" for i in range(30)]
    fig = drawing(points, points[:1] + 0.1, captions, [7, 3, 11]).figure
    (axes,) = fig.axes
    assert {text.get_text(): tuple(text.xy) for text in axes.texts} == {
        str(rank): tuple(points[hit]) for rank, hit in [(1, 7), (2, 3), (3, 11)]
    }
    dots, rings, star = (np.asarray(part.get_offsets()) for part in axes.collections)
    np.testing.assert_allclose(dots, points, rtol=1e-6)
    np.testing.assert_allclose(rings, points[[7, 3, 11]], rtol=1e-6)
    np.testing.assert_allclose(star, points[:1] + 0.1, rtol=1e-6)
    assert [text.get_text() for text in fig.texts] == ["1 caption $7 <b>", "2 caption $3 <b>", "3 caption $11 <b>"]
    picture = drawn(fig)
    assert picture.getpixel((1, 1)) == (255, 255, 255, 255)
    assert picture.width <= 400


def test_numbers_never_lie_on_each_other():
    points = np.zeros((10, 2), np.float32)
    fig = drawing(points, points[:1], ["same place"] * 10, range(10)).figure
    drawn(fig)
    boxes = sorted((text.get_window_extent().y0, text.get_window_extent().y1) for text in fig.axes[0].texts)
    tops = [text.get_position()[1] for text in fig.axes[0].texts]
    assert len(boxes) == 10
    assert min(np.diff(sorted(tops))) > 0.05


def test_thumbnails_of_hits_and_a_missing_one(tmp_path):
    Image.new("RGB", (90, 60), (1, 200, 3)).save(tmp_path / "green.png")
    points = RNG.standard_normal((3, 2)).astype(np.float32)
    paths = [str(tmp_path / "none.png"), str(tmp_path / "green.png"), str(tmp_path / "none.png")]
    with_picture = np.asarray(drawn(drawing(points, points[:1], ["a", "b", "c"], [1, 0], paths).figure))
    without = np.asarray(drawn(drawing(points, points[:1], ["a", "b", "c"], [1, 0]).figure))
    assert (with_picture[..., :3] == (1, 200, 3)).all(2).sum() > 200
    assert not (without[..., :3] == (1, 200, 3)).all(2).any()


@pytest.mark.parametrize(("n", "hits"), [(0, []), (1, [0]), (5, [])])
def test_small_galleries_and_no_hits(n, hits):
    drawn(drawing(np.zeros((n, 2), np.float32), np.zeros((1, 2), np.float32), ["x"] * n, hits).figure)


def test_the_finding_says_how_near_the_hits_lie():
    points = np.stack([np.arange(10), np.zeros(10)], 1).astype(np.float32)
    captions = [f"picture {i}" for i in range(10)]
    assert drawing(points, points[:1], captions, [1, 0, 9]).finding == (
        "On the plane in which the vectors of the 10 pictures differ most, half of the 3 hits are among the nearest 20 % "
        "to the query. The best is “picture 1”."
    )
    assert drawing(points, points[:1], captions, []).finding.endswith("differ most, no hit is marked.")


@pytest.mark.slow
def test_a_large_gallery_weighs_little():
    points = RNG.standard_normal((RASTERIZED_FROM + 1, 2)).astype(np.float32)
    assert len(drawing(points, points[:1], ["x"] * len(points), [3]).svg()) < 250_000
