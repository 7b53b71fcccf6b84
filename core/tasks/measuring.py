# SPDX-License-Identifier: Apache-2.0

"""How good is a model, measured where the lab runs: on the pictures that come with it, whose captions and nouns are known.

The built-in model and the heads trained on from it were fitted on these very pictures, so they would look better than they are:
benchmarks/quality.py measures them on others. What a published model was trained on is not known here.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.assets import GALLERY_FOLDER
from core.data.galleries import Gallery, Item
from core.engine import OnStep
from core.errors import UserError
from core.figures import Figures, today
from core.measured import Measured
from core.models.abilities import Answerer, Captioner, DualEncoder, Model, Segmenter
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.models.run_figures import run_data, run_of, trained_pictures
from core.models.trust import identity
from core.tasks import _measures

BUILT_ON_THE_HEADS = ("tuned-masks", "tuned-answers")  # families whose first weights had seen the pictures
FEWEST = 20  # pictures


@dataclass(frozen=True)
class Kind:
    """One kind of measurement: `about` what it says, of models with `ability`; of `most` pictures, None for all."""

    about: str
    ability: type[Model]
    measure: Callable[[Models, str, _measures.Shown, OnStep | None, threading.Event | None], dict[str, Measured]]
    most: int | None = None


KINDS = {
    "similarity": Kind("labels, and search by words and by picture", DualEncoder, _measures.similarity),
    "vqa": Kind("is there a ...?", Answerer, _measures.existence, 60),
    "segmentation": Kind("how much is painted of what is there and of what is not", Segmenter, _measures.painted, 60),
    "captions": Kind("whether a picture is found again by its caption", Captioner, _measures.captions, 60),
}


def kinds(models: Models, model: str) -> list[str]:
    """What can be measured of this model, by name; [] of one that was fitted on the pictures. Raises UserError for an
    unknown model."""
    if _was_fitted_on_them(models, model):
        return []
    return [name for name, kind in KINDS.items() if issubclass(models.catalog.adapter(model), kind.ability)]


def measure(
    models: Models,
    model: str,
    kind: str,
    gallery: Gallery,
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
    most: int | None = None,
) -> dict[str, Measured]:
    """Measure and keep: figures by "part.name", which `core.models.trust.look_up` finds from then on for these very weights.

    `gallery` is the bundled one; of its pictures `most`, drawn by a fixed seed, by default as the kind says, and never any
    that a run trained on. Raises UserError for a model that cannot, that was fitted on the pictures, or whose files changed
    meanwhile; Stopped once `stop` is set, and then nothing is kept.
    """
    if kind not in KINDS:
        raise UserError(f"There is no measurement called {str(kind)[:40]!r}. Choose one of: {', '.join(KINDS)}.")
    models.catalog.need(model, KINDS[kind].ability)
    if _was_fitted_on_them(models, model):
        raise UserError(
            f"{model} was fitted on these pictures and would look better than it is. See the figures beside its answers."
        )
    models.catalog.fetch(model)  # before its weights are named: what is not here has no commit yet
    weights = identity(models, model)
    shown = _drawn(gallery, _unseen(models, model, gallery.items), most or KINDS[kind].most)
    figures = KINDS[kind].measure(models, model, shown, on_step, stop)
    if identity(models, model) != weights:
        raise UserError(f"The files of {model!r} changed while it was measured. Measure again.")
    models.figures.keep(weights, kind, Figures(model, _data_name(shown, gallery), today(), figures))
    return figures


def _was_fitted_on_them(models: Models, model: str) -> bool:
    spec = models.catalog.spec(model)
    if model == EMBEDDED or spec.family in BUILT_ON_THE_HEADS:
        return True
    # Scenes are composed of these pictures: core/training/data/scenes.py.
    run = run_of(spec)
    return run is not None and run_data(run) == "scenes"


def _unseen(models: Models, model: str, items: tuple[Item, ...]) -> list[Item]:
    """Those that the model's run did not train on, told by the bytes of the files."""
    run = run_of(models.catalog.spec(model))
    seen = trained_pictures(run) if run else set[bytes]()
    return [item for item in items if Path(item.path).read_bytes() not in seen]


def _drawn(gallery: Gallery, items: list[Item], most: int | None) -> _measures.Shown:
    nouns_of = nouns()
    known = [item for item in items if item.id in nouns_of and item.caption]
    if len(known) < FEWEST:
        raise UserError(
            f"Of the {len(gallery)} pictures only {len(known)} can be measured on: the others were trained on, or nothing is known of them. Choose another model."
        )
    if most is not None and most < len(known):
        places = np.random.default_rng(0).choice(len(known), max(most, FEWEST), replace=False)
        known = [known[place] for place in sorted(places)]
    labels = sorted(set().union(*nouns_of.values()))
    present: NDArray[np.bool_] = np.array([[label in nouns_of[item.id] for label in labels] for item in known])
    return _measures.Shown(gallery, tuple(known), labels, present)


def nouns(folder: Path = GALLERY_FOLDER) -> dict[str, set[str]]:
    """What objects.csv (columns file and objects, with semicolons) lists for each picture, by item id."""
    with (folder / "objects.csv").open(encoding="utf-8", newline="") as file:
        return {Path(row["file"]).stem: set(row["objects"].split(";")) - {""} for row in csv.DictReader(file)}


def _data_name(shown: _measures.Shown, gallery: Gallery) -> str:
    of = "" if len(shown.items) == len(gallery) else f" of the {len(gallery)}"
    return f"{len(shown.items)}{of} pictures that come with the lab"
