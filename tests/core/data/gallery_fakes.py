# SPDX-License-Identifier: Apache-2.0

"""A stand-in for core.models.inference.Models: a picture's vector is its mean colour, a text's the same letters' count."""

from types import SimpleNamespace

import numpy as np
from PIL import Image


def unit(rows):
    rows = np.asarray(rows, np.float32).reshape(len(rows), -1)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


class CountingModels:
    """Counts what it embeds; `before` is called ahead of every batch (to stop or to fail)."""

    def __init__(self, before=lambda: None):
        self.pictures = self.texts = 0
        self.before = before
        self.catalog = SimpleNamespace(revision=lambda name: "main")

    def embed_images(self, name, images, on_step=None, stop=None):
        self.before()
        self.pictures += len(images)
        return unit([[*np.asarray(image, np.float32).mean((0, 1)), len(name)] for image in images])

    def embed_texts(self, name, texts, on_step=None, stop=None):
        self.before()
        self.texts += len(texts)
        return unit([[len(text), text.count("a"), 1, 2] for text in texts])


def colour_files(folder, n, first=0, size=(24, 16)):
    """n pictures of n colours, as add() takes them, with captions."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for i in range(first, first + n):
        path = folder / f"p{i}.png"
        Image.new("RGB", size, (i * 37 % 256, i * 11 % 256, 255 - i % 200)).save(path)
        files.append((path, f"colour a{i}"))
    return files
