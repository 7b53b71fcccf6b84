# SPDX-License-Identifier: Apache-2.0

"""Occlusion: which parts of a picture an answer needs, found by hiding them and asking again. Works for every model, since it
only asks.

A sliding square (Zeiler and Fergus, arXiv 1311.2901, section 4.2) or the random masks of RISE (Petsiuk et al., arXiv
1806.07421), and that paper's deletion and insertion scores, which judge any map.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL.Image import Image

from core.engine import OnStep
from core.errors import UserError, check_stop
from core.results import Judged, Occlusion
from core.tasks.hiding import DEFAULT_FILL, filled, keep

Score = Callable[[list[Image]], list[float]]  # one number for each picture, higher where the answer holds more
Map = NDArray[np.floating]
OnMap = Callable[[Map, int], None]  # (the map so far, of how many masks)

METHODS = {"square": "a sliding square", "rise": "RISE: random masks"}
SIDE = 48  # rows and columns of masks and maps; each covers the whole picture whatever its shape
GRIDS = (5,)  # positions of the square in a row, after the ninths; a finer grid takes longer than people wait
SLOW_GRIDS = (5,)  # for models that encode a picture anew in tenths of a second, such as the built-in one for questions
MASKS, SLOW_MASKS = 64, 32  # of RISE
CELLS, KEPT = 7, 0.5  # RISE: cells of a mask in a row, and how likely each is kept
STEPS, SLOW_STEPS = 8, 6  # of the deletion and the insertion curve
PATCHES = 8  # in a row, that are deleted and inserted
SEEDS = (0, 1, 2)  # of the random orders
SHORTER_SIDE = 512  # pixels of the pictures that are asked about: no model here reads more
AT_ONCE = 16  # pictures in memory, at most: fewer where they take longer than ASK_S
ASK_S = 0.5  # between two steps that are told of


def occlude(
    score: Score,
    image: Image,
    method: str = "square",
    grids: Sequence[int] = GRIDS,
    masks: int = MASKS,
    fill: str = DEFAULT_FILL,
    steps: int = STEPS,
    on_map: OnMap | None = None,
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> Occlusion:
    """The map of what `score` needs, with its deletion and insertion scores.

    Ten pictures, whole and without each ninth, make the first map; `on_map` gets it, then one after each of `grids` or, by
    RISE, after each doubling up to `masks`. In "square" maps a place has the mean fall of the score over all squares that
    hide it; in "rise" maps the mean score where it is kept, above the mean of all masks. Raises UserError for settings that
    are none, Stopped between some pictures once `stop` is set, and what `score` raises."""
    rounds = _rounds(method, grids, masks)
    count = 9 + sum(map(len, rounds))
    ask = _Asked(score, _working_copy(image), fill, 1 + count + _judging(steps, fill), on_step, stop)
    kept = _windows(3, 1)
    whole, *ninths = ask(np.concatenate([np.ones((1, SIDE, SIDE)), kept])).tolist()
    scores, of_rise = np.array(ninths), method == "rise"
    map_ = _falls(kept, whole - scores)
    _tell(on_map, map_, 9)
    if of_rise:  # the ninths are not drawn as its masks are
        kept, scores = kept[:0], scores[:0]
    for more in rounds:
        kept, scores = np.concatenate([kept, more]), np.concatenate([scores, ask(more)])
        map_ = _kept_scores(kept, scores) if of_rise else _falls(kept, whole - scores)
        _tell(on_map, map_, len(kept) + 9 * of_rise)
    judged = _judged(ask, map_, steps, whole)
    return Occlusion(**vars(judged), masks=count, method=method, whole=whole, ninths=ninths)


def judge(
    score: Score,
    image: Image,
    map_: Map,
    fill: str = DEFAULT_FILL,
    steps: int = STEPS,
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> Judged:
    """The deletion and insertion scores of any map [h, w] over the whole picture. Errors as of `occlude`."""
    ask = _Asked(score, _working_copy(image), fill, 1 + _judging(steps, fill), on_step, stop)
    whole = float(ask(np.ones((1, SIDE, SIDE)))[0])
    return _judged(ask, np.asarray(map_, np.float32), steps, whole)


def random_masks(count: int, seed: int = 0) -> Map:
    """[count, SIDE, SIDE] in 0..1, 1 where the picture is kept: CELLS x CELLS cells, each kept with the probability KEPT,
    enlarged bilinearly and shifted by up to a cell (RISE, section 3.2)."""
    rng = np.random.default_rng(seed)
    cell = -(-SIDE // CELLS)
    large = (CELLS + 1) * cell
    masks = np.empty((count, SIDE, SIDE), np.float32)
    for mask in masks:
        coarse = PILImage.fromarray((rng.random((CELLS + 1, CELLS + 1)) < KEPT).astype(np.float32))
        top, left = rng.integers(0, cell, 2)
        fine = np.asarray(coarse.resize((large, large), PILImage.Resampling.BILINEAR))
        mask[:] = fine[top : top + SIDE, left : left + SIDE]
    return masks


@dataclass
class _Asked:
    """Scores of the picture with parts hidden, as many at a time as take ASK_S, the first one alone."""

    score: Score
    image: Image
    fill: str
    total: int
    on_step: OnStep | None
    stop: threading.Event | None
    done: int = 0
    size: int = 1

    def __post_init__(self) -> None:
        self.unders = {fill: filled(self.image, fill) for fill in {self.fill, "blur"}}

    def __call__(self, kept: Map, fill: str | None = None) -> NDArray[np.float64]:
        """[n], of masks [n, h, w], 1 where the picture is kept."""
        under, scores = self.unders[fill or self.fill], list[float]()
        while len(scores) < len(kept):
            check_stop(self.stop)
            part = [keep(self.image, under, mask) for mask in kept[len(scores) :][: self.size]]
            began = time.perf_counter()
            scores += self.score(part)
            fitting = int(len(part) * ASK_S / max(time.perf_counter() - began, 1e-6))
            self.size = max(1, min(fitting, 2 * self.size, AT_ONCE))
            self.done += len(part)
            if self.on_step:
                self.on_step(self.done, self.total)
        return np.array(scores)


def _rounds(method: str, grids: Sequence[int], masks: int) -> list[Map]:
    """The masks, in the order in which maps are told of."""
    if method == "square":
        if not grids or not all(2 <= n < SIDE for n in grids):
            raise UserError(f"Choose at least one grid of 2 to {SIDE - 1} positions in a row.")
        return [_windows(n + 1, 2) for n in grids]  # each square overlaps the next by half
    if method != "rise":
        raise UserError(f"There is no method called {str(method)[:40]!r}. Choose one of: {', '.join(METHODS)}.")
    if not 8 <= masks <= 8_000:
        raise UserError("Choose between 8 and 8,000 masks.")
    ends = [masks]
    while ends[0] >= 32:
        ends.insert(0, ends[0] // 2)
    return np.split(random_masks(masks), ends[:-1])


def _windows(parts: int, width: int) -> Map:
    """[n, SIDE, SIDE]: 0 in a square of `width` of the `parts` of each side, 1 around it, at all its positions."""
    edges = np.linspace(0, SIDE, parts + 1).round().astype(int)
    places = range(parts - width + 1)
    masks = np.ones((len(places) ** 2, SIDE, SIDE), np.float32)
    for number, mask in enumerate(masks):
        row, column = divmod(number, len(places))
        mask[edges[row] : edges[row + width], edges[column] : edges[column + width]] = 0
    return masks


def _falls(kept: Map, falls: Map) -> Map:
    """[h, w]: the mean fall of the score over the masks [n, h, w] that hide a place."""
    hidden = 1 - kept
    return np.asarray(np.tensordot(falls, hidden, 1) / np.maximum(hidden.sum(0), 1e-6))


def _kept_scores(kept: Map, scores: Map) -> Map:
    """RISE's equation 6, sum(scores x masks) / (N p), with how often a place was kept counted instead of expected: with
    hundreds of masks instead of thousands, chance in that would drown the scores. Less the mean score."""
    return np.asarray(np.tensordot(scores, kept, 1) / np.maximum(kept.sum(0), 1e-6) - scores.mean())


def _judging(steps: int, fill: str) -> int:
    """How many pictures are asked about, beside the whole one. Raises UserError for impossible steps."""
    if not 2 <= steps <= PATCHES**2:
        raise UserError(f"Choose between 2 and {PATCHES**2} steps.")
    return 2 * (steps - 1) * (1 + len(SEEDS)) + len({fill, "blur"})


def _judged(ask: _Asked, map_: Map, steps: int, whole: float) -> Judged:
    importance = PILImage.fromarray(map_.astype(np.float32)).resize((PATCHES, PATCHES), PILImage.Resampling.BOX)
    by_map = np.argsort(-np.asarray(importance).ravel(), kind="stable")
    orders = [by_map, *(np.random.default_rng(seed).permutation(PATCHES**2) for seed in SEEDS)]
    nothing = {fill: float(ask(np.zeros((1, SIDE, SIDE)), fill)[0]) for fill in sorted(ask.unders)}

    def curves(fill: str, delete: bool) -> tuple[list[float], list[float]]:
        """Of the map's order, and the mean of the random ones."""
        ends = (whole, nothing[fill]) if delete else (nothing[fill], whole)
        rows = [[ends[0], *ask(_stages(order, steps, delete), fill).tolist(), ends[1]] for order in orders]
        return rows[0], np.mean(rows[1:], axis=0).tolist()

    deletion, random_deletion = curves(ask.fill, True)
    insertion, random_insertion = curves("blur", False)
    return Judged(
        map_,
        _area(deletion, nothing[ask.fill], whole),
        _area(insertion, nothing["blur"], whole),
        _area(random_deletion, nothing[ask.fill], whole),
        _area(random_insertion, nothing["blur"], whole),
        deletion,
        insertion,
        random_deletion,
        random_insertion,
    )


def _stages(order: NDArray[np.intp], steps: int, delete: bool) -> Map:
    """[steps - 1, SIDE, SIDE], 1 where the picture is kept: ever more patches gone, or there, first to last. As fine as the
    other masks: enlarged from PATCHES, a patch would fade into its neighbours and never be gone."""
    stages = np.full((steps - 1, PATCHES**2), float(delete))
    for number, stage in enumerate(stages, 1):
        stage[order[: round(PATCHES**2 * number / steps)]] = 1 - float(delete)
    patch = np.ones((1, SIDE // PATCHES, SIDE // PATCHES))
    return np.kron(stages.reshape(-1, PATCHES, PATCHES), patch)


def _area(curve: list[float], nothing: float, whole: float) -> float:
    """Under the curve by the trapezoidal rule, 0 at `nothing` and 1 at `whole`; NaN where that is no scale."""
    if whole - nothing < 1e-6:
        return float("nan")
    mean = (sum(curve) - (curve[0] + curve[-1]) / 2) / (len(curve) - 1)
    return (mean - nothing) / (whole - nothing)


def _working_copy(image: Image) -> Image:
    scale = min(1, SHORTER_SIDE / min(image.size))
    small = image if scale == 1 else image.resize((round(image.width * scale), round(image.height * scale)))
    return small.convert("RGB")


def _tell(on_map: OnMap | None, map_: Map, masks: int) -> None:
    if on_map:
        on_map(map_, masks)
