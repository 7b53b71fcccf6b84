# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import numpy as np
from PIL import Image

from core.explain import occlusion
from core.results import Judged, Occlusion

PICTURE = Image.new("RGB", (120, 80), "green")
MAP = np.zeros((48, 48))
MAP[20:30, :10] = 1
FOUND = Occlusion(
    MAP, 0.21, 0.7, 0.33, 0.5, [0.42, 0.1, 0], [0, 0.3, 0.42], [0.42, 0.2, 0], [0, 0.2, 0.42],
    masks=58, method="square", whole=0.42, ninths=[0.4, 0.41, 0.42, 0.17, 0.4, 0.42, 0.42, 0.43, 0.42],
)  # fmt: skip


def test_the_finding_says_where_and_how_well():
    assert occlusion.finding(FOUND) == (
        "Of nine parts, hiding the middle left lowers the score most: from 0.42 to 0.17. Deletion 0.21 (random order 0.33), "
        "lower is better; insertion 0.70 (random order 0.50), higher is better."
    )


def test_the_finding_says_what_is_no_evidence():
    assert "By one of them, the map orders the parts no better" in occlusion.finding(replace(FOUND, deletion=0.4))
    assert "By both, the map" in occlusion.finding(replace(FOUND, deletion=0.4, insertion=0.4))
    assert "cannot be judged" in occlusion.finding(replace(FOUND, deletion=float("nan")))
    assert occlusion.finding(replace(FOUND, ninths=[0.5] * 9)).startswith("Hiding no ninth of the picture lowers")
    given = Judged(*[getattr(FOUND, name) for name in Judged.__dataclass_fields__])
    assert occlusion.finding(given).startswith("Deletion 0.21")


def test_it_draws_the_map_and_both_curves_with_chance_beside_them():
    drawn = occlusion.drawing(PICTURE, FOUND)
    map_axes, *panels = drawn.figure.axes
    shown = map_axes.images[0].get_array().astype(int)
    high, wide = shown.shape[:2]
    assert shown[high // 2, wide // 12].sum() > shown[high * 5 // 6, wide * 5 // 6].sum() + 150, (
        "bright where it counts"
    )
    assert [[list(line.get_ydata()) for line in panel.lines] for panel in panels] == [
        [FOUND.deletion_curve, FOUND.random_deletion_curve],
        [FOUND.insertion_curve, FOUND.random_insertion_curve],
    ]
    assert drawn.figure.get_figwidth() <= 4.8


def test_a_map_that_is_still_being_made():
    drawn = occlusion.partial(PICTURE, MAP, 9)
    assert drawn.finding == "So far, of 9 masks: what counts most is the middle left."
