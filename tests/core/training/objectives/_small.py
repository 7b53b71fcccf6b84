# SPDX-License-Identifier: Apache-2.0

"""Small rows for the objectives' tests, and what is asked of every one of them."""

from __future__ import annotations

import torch
from PIL import Image, ImageDraw

from core.training.objective import Example

SHADES = {"red": (200, 30, 30), "green": (30, 160, 40), "blue": (40, 60, 200)}


def shapes(folder, n=12, side=96):
    """n pictures of a coloured square or disc on grey, with every field that an objective may read."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(n):
        shape, colour = ("square", "disc")[number % 2], list(SHADES)[number % 3]
        picture, mask = Image.new("RGB", (side, side), (120 + number, 120, 120)), Image.new("L", (side, side))
        left = 8 + 3 * number
        box = (left, 20, left + 40, 60)
        for image, fill in ((picture, SHADES[colour]), (mask, 255)):
            draw = ImageDraw.Draw(image)
            (draw.rectangle if shape == "square" else draw.ellipse)(box, fill=fill)
        files = [folder / f"{number}.png", folder / f"{number}-mask.png"]
        for image, file in zip((picture, mask), files, strict=True):
            image.save(file)
        text = f"a {colour} {shape} on a grey wall of house {number}"
        asked = f"what is the shape of the {colour} thing?"
        made.append(Example(str(files[0]), text, asked, shape, f"{colour} {shape}", str(files[1])))
    return made


def trained(learner, rows, steps=12, rate=1e-2):
    """The losses of a few updates over all rows."""
    weights = [weight for weight in learner.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate)
    losses = []
    for _ in range(steps):
        loss = learner.train()(**rows)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def check_learning(make, rows, steps=12, rate=1e-2, falls=0.9):
    """`make()` gives the same fresh learner each time. Its loss falls; frozen weights stay; chunks change nothing."""
    eight = {name: value[:8] for name, value in rows.items()}
    whole, chunked = make(), make()
    chunked.chunk = 4
    before = {name: value.clone() for name, value in whole.state_dict().items()}
    losses = trained(whole, eight, steps, rate)
    assert losses[-1] < falls * losses[0]
    learned = {name for name, weight in whole.named_parameters() if weight.requires_grad}
    assert learned
    for name, value in whole.state_dict().items():
        assert name in learned or torch.equal(value, before[name]), name
    torch.testing.assert_close(trained(chunked, eight, steps, rate), losses, rtol=1e-3, atol=1e-4)
    return whole
