# SPDX-License-Identifier: Apache-2.0

"""What tests of handlers need: a lab, pictures as a PhotoInput gives them, and the last thing that a handler gives."""

import gradio as gr
import pytest

from core import images
from core.assets import EXAMPLES_FOLDER


@pytest.fixture(scope="session")
def lab(app_lab):
    """The app's, without a server."""
    return app_lab


@pytest.fixture(scope="session")
def kitten():
    return photo("kitten-yarn-ball.jpg")


@pytest.fixture(scope="session")
def dog():
    return photo("dog-german-shepherd.jpg")


def photo(name, note=""):
    image = images.read(EXAMPLES_FOLDER / name).image
    image.info |= {"name": name, "note": note}
    return image


def last(steps):
    """What a handler that is a generator gives in the end; what it gave before it left everything but a note alone."""
    *before, result = steps
    for step in before:
        assert [value for value in step if value != gr.skip()], "a report says something"
    return result
