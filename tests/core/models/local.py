# SPDX-License-Identifier: Apache-2.0

"""Models over the folder in which a local checkpoint lies."""

from core.engine import Engine
from core.models.inference import Models
from core.settings import Settings


def lab(folder):
    return Models(Engine(Settings(device="cpu")), folder.parent)
