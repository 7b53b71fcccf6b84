# SPDX-License-Identifier: Apache-2.0

"""A gallery and a query on a plane: which pictures the model finds alike, and where the query falls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import NDArray

from core import images
from core.errors import UserError
from core.explain._style import BLACK, ORANGE, SKY, VERMILION, new_figure, plain

Matrix = NDArray[np.float32]

FITTED_ON = 5_000  # rows that the axes are computed from; more would hardly turn them
NAMED = 10  # hits that are ringed, numbered and named; more would hide each other
THUMBNAIL = 56  # pixels


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


def figure(
    points: Matrix,
    query_points: Matrix,
    captions: Sequence[str],
    highlighted: Sequence[int],
    pictures: Sequence[str] = (),
) -> Figure:
    """Points [n, 2] as dots, query points [m, 2] as stars; the hits ringed, numbered by rank and named below.

    `captions` are the n items', `highlighted` the hits' rows, best first. With `pictures`, the n files' paths,
    each number has its picture beside it; a file that is gone is left out.
    """
    hits = list(highlighted)[:NAMED]
    fig = new_figure(5, 5 + 0.24 * len(hits))
    axes = fig.subplots()
    axes.scatter(points[:, 0], points[:, 1], s=14, color=SKY, edgecolor="none", alpha=0.7, label="pictures")
    axes.scatter(
        points[hits, 0],
        points[hits, 1],
        s=110,
        facecolor="none",
        edgecolor=VERMILION,
        linewidth=2,
        label="hits",
        zorder=4,
    )
    axes.scatter(
        query_points[:, 0],
        query_points[:, 1],
        s=320,
        marker="*",
        color=ORANGE,
        edgecolor=BLACK,
        linewidth=1.2,
        label="query",
        zorder=5,
    )
    _number(axes, points, hits, pictures)
    axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    axes.margins(0.08)
    fig.legend(loc="outside upper center", ncols=3, fontsize=10, frameon=False)
    names = [f"{rank}  {plain(captions[hit], 56)}" for rank, hit in enumerate(hits, 1)]
    axes.set_xlabel("\n".join(names), fontsize=10, loc="left")
    return fig


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
            fontsize=12,
            weight="bold",
            va="center",
            arrowprops={"arrowstyle": "-", "color": VERMILION, "linewidth": 0.7},
        )
        if pictures:
            _show(axes, (1.15, height), pictures[hit])


def _show(axes: Axes, place: tuple[float, float], path: str) -> None:
    try:
        small = images.read(path, THUMBNAIL).image
    except UserError:
        return
    image = OffsetImage(np.asarray(small), zoom=0.6)
    axes.add_artist(AnnotationBbox(image, place, xycoords="axes fraction", frameon=False, pad=0))
