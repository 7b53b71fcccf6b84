# SPDX-License-Identifier: Apache-2.0

import pytest

from core.engine import Engine
from core.errors import UserError
from core.models.inference import Models
from core.settings import Settings


def test_an_unreachable_model_names_the_command_and_the_app_goes_on(folder):
    models = Models(Engine(Settings(device="cpu")), folder)
    with pytest.raises(UserError, match=r"no model called 'nobody/nothing'"):
        models.embed_texts("nobody/nothing", ["a cat"])
    assert models.embed_texts("embedded", ["a cat"]).shape == (1, 1000)


def test_a_model_that_was_warmed_up_is_resident(models):
    models.warm_up("openai/clip-vit-base-patch32")
    assert models.engine.resident == [models.key("openai/clip-vit-base-patch32")]


def test_warming_up_a_model_that_cannot_be_had_is_only_logged(models, caplog):
    models.warm_up("nobody/nothing")
    assert "nobody/nothing could not be loaded" in caplog.text
    assert models.engine.resident == []
