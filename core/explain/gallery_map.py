# SPDX-License-Identifier: Apache-2.0

"""A gallery and a query on a plane: which pictures the model finds alike, and where the query falls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import NDArray

from core import images
from core.errors import UserError
from core.explain._style import BLUE, INK, LINE, ORANGE, VERMILION, WIDTH, add_axes, fitted, new_figure, write
from core.explain._words import percent, quoted
from core.explain.drawing import Drawing

Matrix = NDArray[np.float32]

FITTED_ON = 5_000  # rows that the axes are computed from; more would hardly turn them
NAMED = 10  # hits that are ringed, numbered and named; more would hide each other
THUMBNAIL = 80  # pixels
RASTERIZED_FROM = 1_000  # dots: as shapes they would weigh more than the page
SIDE, NARROW, KEY = 4.3, 3.7, 0.34  # inches: of the map, without and with pictures beside it, and of the key above


class Plane(NamedTuple):
    """The plane in which a gallery's vectors differ most: `mean` [d], `axes` [2, d] of unit norm, and where the vectors lie
    in it, `points` [n, 2]."""

    mean: Matrix
    axes: Matrix
    points: Matrix

    def place(self, queries: Matrix) -> Matrix:
        """[m, d] -> [m, 2]."""
        return np.asarray((queries - self.mean) @ self.axes.T)


def fit_plane(vectors: Matrix) -> Plane:
    """By principal components (scikit-learn's PCA) of at most FITTED_ON rows of `vectors` [n, d], evenly spread. Equal input
    gives an equal plane: PCA turns each axis to where its largest weight is positive. Fit it once for a gallery and keep
    it, so that the picture stays while queries change."""
    from sklearn.decomposition import PCA

    n, d = vectors.shape
    sample = vectors[:: -(-n // FITTED_ON)] if n else vectors
    axes, mean = np.zeros((2, d), np.float32), np.zeros(d, np.float32)
    if n:
        mean = np.asarray(vectors.mean(0), np.float32)
    found = min(2, d, len(sample) - 1)
    if found > 0:
        solver = "covariance_eigh" if d <= len(sample) else "full"
        axes[:found] = PCA(found, svd_solver=solver).fit(sample).components_
    return Plane(mean, axes, np.asarray((vectors - mean) @ axes.T))


def drawing(
    points: Matrix,
    query_points: Matrix,
    captions: Sequence[str],
    highlighted: Sequence[int],
    pictures: Sequence[str] = (),
) -> Drawing:
    """Points [n, 2] as dots, query points [m, 2] as stars; the hits ringed, numbered by rank and named below.

    `captions` are the n items', `highlighted` the hits' rows, best first. With `pictures`, the n files' paths,
    each number has its picture beside it; a file that is gone is left out.
    """
    hits = list(highlighted)[:NAMED]
    side = NARROW if pictures else SIDE
    fig = new_figure(KEY + side + LINE * len(hits) + 0.2)
    axes = add_axes(fig, 0.03, KEY, side, side)
    _scatter(axes, points, hits, query_points)
    _number(axes, points, hits, pictures)
    axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    axes.margins(0.08)
    fig.legend(loc="upper left", ncols=3, frameon=False, borderaxespad=0, columnspacing=1, handletextpad=0.3)
    for place, hit in enumerate(hits):
        name = fitted(f"{place + 1}  {captions[hit]}", WIDTH - 0.2)
        write(fig, 0.04, KEY + side + 0.1 + LINE * place, name)
    return Drawing(fig, _finding(points, query_points, captions, hits))


def _scatter(axes: Axes, points: Matrix, hits: list[int], query_points: Matrix) -> None:
    dots = axes.scatter(points[:, 0], points[:, 1], 18, BLUE, edgecolor=INK, linewidth=0.3, alpha=0.8, label="pictures")
    dots.set_rasterized(len(points) > RASTERIZED_FROM)
    ringed, stars = points[hits], query_points
    axes.scatter(ringed[:, 0], ringed[:, 1], 120, "none", edgecolor=VERMILION, linewidth=2.2, label="hits", zorder=4)
    axes.scatter(
        stars[:, 0], stars[:, 1], 320, ORANGE, marker="*", edgecolor=INK, linewidth=1.2, label="query", zorder=5
    )


def _finding(points: Matrix, query_points: Matrix, captions: Sequence[str], hits: list[int]) -> str:
    plane = f"On the plane in which the vectors of the {len(points)} pictures differ most"
    if not hits or not len(query_points):
        return f"{plane}, no hit is marked."
    distances = np.linalg.norm(points - query_points[0], axis=1)
    nearer = float((distances <= np.median(distances[hits])).mean())
    best = f"The best is {quoted(captions[hits[0]])}."
    if len(hits) == 1:
        return f"{plane}, the hit is among the nearest {percent(nearer)} to the query. {best}"
    return f"{plane}, half of the {len(hits)} hits are among the nearest {percent(nearer)} to the query. {best}"


def _number(axes: Axes, points: Matrix, hits: list[int], pictures: Sequence[str]) -> None:
    """Numbers in a column on the right, from the top down as their rings lie: hits crowd, numbers must not."""
    by_height = sorted(enumerate(hits, 1), key=lambda ranked: -points[ranked[1], 1])
    for place, (rank, hit) in enumerate(by_height):
        height = 1 - (place + 0.5) / len(hits)
        axes.annotate(
            str(rank),
            points[hit],
            (1.02, height),
            textcoords="axes fraction",
            size=13,
            weight="bold",
            va="center",
            arrowprops={"arrowstyle": "-", "color": VERMILION, "linewidth": 0.8, "relpos": (0, 0.5), "patchA": None},
        )
        if pictures:
            _show(axes, (1.18, height), pictures[hit])


def _show(axes: Axes, place: tuple[float, float], path: str) -> None:
    try:
        small = images.read(path, THUMBNAIL).image
    except UserError:
        return
    image = OffsetImage(np.asarray(small), zoom=25 / small.height)
    axes.add_artist(AnnotationBbox(image, place, xycoords="axes fraction", frameon=False, pad=0))
