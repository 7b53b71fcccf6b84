# SPDX-License-Identifier: Apache-2.0

"""SAM, which cuts out what a click or a box points at, from tiny weights, against plain transformers written out here."""

import pytest
import torch

from core.errors import UserError
from tests.core.models.families.segmenting import CLOSE, SAM, counted, official

pytestmark = pytest.mark.slow

POINTS = [(40.0, 12.0, True), (3.0, 30.0, False)]
BOX = (10.0, 5.0, 70.0, 33.0)


def refine(models, image, points, box):
    return models.call(SAM, "refine", models.encode(SAM, image), points, box)


ASKED = pytest.mark.parametrize(
    ("points", "box"), [(POINTS[:1], None), (POINTS, None), ([], BOX), (POINTS, BOX)], ids=["one", "two", "box", "all"]
)


@ASKED
def test_sam_masks_are_the_models_own(models, image, points, box):
    model, processor = official(models, SAM, "SamModel")
    inputs = processor(
        image,
        input_points=[[[[x, y] for x, y, _ in points]]] if points else None,
        input_labels=[[[int(on) for _, _, on in points]]] if points else None,
        input_boxes=[[list(box)]] if box else None,
        return_tensors="pt",
    )
    with torch.no_grad():
        outputs = model(
            **{key: inputs[key] for key in inputs if key.startswith("input_")}, pixel_values=inputs["pixel_values"]
        )
    best = outputs.pred_masks[0, 0, outputs.iou_scores[0, 0].argmax()]
    wide = torch.nn.functional.interpolate(best[None, None], (64, 64), mode="bilinear")[0, 0]
    found = refine(models, image, points, box)
    assert found.shape == (32, 64)  # of a picture of 40 x 80
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wide[:32], atol=CLOSE, rtol=0)
    assert found.std() > 100 * CLOSE


@ASKED
def test_sams_program_gives_the_same(models, image, points, box):
    shown = {"torch": torch, "image": image, "points": points, "box": box}
    exec(models.catalog.adapter(SAM).program(SAM), shown)
    torch.testing.assert_close(shown["logits"], refine(models, image, points, box), atol=CLOSE, rtol=0)


def test_sam_looks_once_and_listens_to_every_click(models, image):
    calls = counted(models, SAM, lambda model: [model.vision_encoder])
    encoding = models.encode(SAM, image)
    asked = [(POINTS[:1], None), (POINTS, None), ([(*POINTS[0][:2], False)], None), ([], BOX), (POINTS[:1], BOX)]
    masks = [models.call(SAM, "refine", encoding, *each) for each in asked]
    assert calls == [0]
    for index, mask in enumerate(masks):
        assert all((mask - other).abs().max() > 100 * CLOSE for other in masks[:index])


def test_sam_survives_being_unloaded(models, image):
    before = refine(models, image, POINTS, BOX)
    assert models.unload(SAM)
    assert torch.equal(before, refine(models, image, POINTS, BOX))


def test_sam_wants_a_click_or_a_box(models, image):
    with pytest.raises(UserError, match="Click on the object"):
        refine(models, image, [], None)
