# SPDX-License-Identifier: Apache-2.0

"""Runs the models of a catalogue over one engine, and keeps what they computed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.Image import Image

from core.engine import Engine, Key, Load, OnStep
from core.errors import UserError
from core.figures import KeptFigures
from core.images import pixel_key
from core.models.abilities import AnchoredEncoder, CausalText, DualEncoder, ImageEncoder, Matcher
from core.models.catalog import Catalog, unable
from core.text import clean_text

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

IMAGE_BATCH, TEXT_BATCH, PAIR_BATCH = 16, 256, 16
PROCESSOR = "pil"  # which of transformers' image processors is used; embeddings depend on it


class Models:
    """Models by `Spec.id`. Share one for each process; every method may be called from any thread.

    Every method raises UserError for a name that is unknown, a checkpoint that cannot be had or read, an ability that
    the model has not, and when memory runs out.
    """

    def __init__(
        self, engine: Engine, folder: Path | None = None, runs: Path | None = None, figures: Path | None = None
    ) -> None:
        self.engine = engine
        self.catalog = Catalog(folder, runs)
        self.figures = KeptFigures(figures)  # what was measured of these models here
        self._details: dict[tuple[Key, str], Any] = {}  # small facts read from a loaded model, such as its scale

    def call(self, name: str, method: str, *args: Any) -> Any:
        """`model.method(*args)`, alone on the device."""
        if not hasattr(self.catalog.adapter(name), method):
            raise unable(name)
        return self._call(self.key(name), method, *args)

    def map(
        self,
        name: str,
        method: str,
        items: Sequence[Any],
        most: int,
        on_step: OnStep | None = None,
        stop: threading.Event | None = None,
        given: tuple[Any, ...] = (),
        after: tuple[Any, ...] = (),
    ) -> Iterator[Any]:
        """`model.method(*given, items, *after)` in batches of at most `most`, yielding each batch's result: see `Engine.map`. Raises
        Stopped between batches once `stop` is set."""
        if not hasattr(self.catalog.adapter(name), method):
            raise unable(name)
        key = self.key(name)
        return self.engine.map(key, self._loader(key), method, items, most, on_step, stop, given, after)

    def lease(self, name: str) -> AbstractContextManager[Any]:
        """The adapter itself, loaded if need be, safe from eviction inside the block. Does not wait for the device."""
        key = self.key(name)
        return self.engine.lease(key, self._loader(key))

    def warm_up(self, name: str) -> None:
        """Load an image-text model and use it once, so that the first answer is quick. What is wrong with it is only logged:
        those who use it will be told."""
        try:
            self.embed_images(name, [PIL.Image.new("RGB", (64, 64))])
            self.embed_texts(name, ["a photo"])
        except UserError as error:
            log.warning("%s could not be loaded: %s", name, error)

    def unload(self, name: str) -> bool:
        """Drop a model nobody is using; False if it is in use or not loaded."""
        return self.engine.unload(self.key(name))

    def key(self, name: str) -> Key:
        """What the engine keeps the model under: its name and its weights' revision. A checkpoint that was trained again in
        place is another model; weights that the catalogue no longer offers are dropped as soon as nobody uses them."""
        key = (name, self.catalog.revision(name))
        for other in self.engine.resident:
            if other != key and (other[0] == name or other[0] not in self.catalog):
                self.engine.unload(other)
        return key

    def detail(self, name: str, method: str) -> Any:
        """The result of a cheap method without arguments, computed once for each revision."""
        key = (self.key(name), method)
        if key not in self._details:
            self._details[key] = self._call(key[0], method)
        return self._details[key]

    def embed_images(
        self, name: str, images: Sequence[Image], on_step: OnStep | None = None, stop: threading.Event | None = None
    ) -> NDArray[np.float32]:
        """Unit vectors [n, d]; images embedded before come from the cache."""
        self.catalog.need(name, DualEncoder)
        contents = [pixel_key(image) for image in images]
        return self._embed(name, "embed_images", images, contents, IMAGE_BATCH, on_step, stop)

    def anchor_images(self, name: str, images: Sequence[Image]) -> NDArray[np.float32]:
        """[n, anchors]: the cosine of each image with the image of each anchor; those of images before come from the cache."""
        self.catalog.need(name, AnchoredEncoder)
        contents = [pixel_key(image) for image in images]
        return self._embed(name, "anchor_images", images, contents, IMAGE_BATCH, None, None)

    def embed_texts(
        self, name: str, texts: Sequence[str], on_step: OnStep | None = None, stop: threading.Event | None = None
    ) -> NDArray[np.float32]:
        """Unit vectors [n, d]. Raises UserError for a text of more than TEXT_LIMIT characters."""
        self.catalog.need(name, DualEncoder)
        texts = [clean_text(text) for text in texts]
        return self._embed(name, "embed_texts", texts, texts, TEXT_BATCH, on_step, stop)

    def embed_continuations(
        self, name: str, groups: Sequence[Sequence[str]], stop: threading.Event | None = None
    ) -> list[NDArray[np.float32]]:
        """Unit vectors [n, d] for each group: the n ways in which one text may go on. What was read before costs nothing:
        a causal tower keeps prefixes, and for others whole texts are in the cache. Raises Stopped once `stop` is set."""
        self.catalog.need(name, DualEncoder)
        groups = [[clean_text(text) for text in texts] for texts in groups]
        if issubclass(self.catalog.adapter(name), CausalText):
            parts = self.map(name, "embed_continuations", groups, len(groups), None, stop)
            vectors = np.concatenate([part.numpy() for part in parts])
        else:
            vectors = self.embed_texts(name, [text for texts in groups for text in texts], None, stop)
        return np.split(vectors, np.cumsum([len(texts) for texts in groups])[:-1])

    def encode(self, name: str, image: Image) -> dict[str, Tensor]:
        """The image's encoding, by part: computed once, then in the cache, so that follow-ups are fast."""
        self.catalog.need(name, ImageEncoder)
        key = self.key(name)
        place = (pixel_key(image), *self._cache_tail(key, "encode_image"))
        known = self.engine.cache.get(place)
        if known is None:
            encoding = self._call(key, "encode_image", image)
            known = {part: value.numpy() for part, value in encoding.items()}
            self.engine.cache.put(place, known)
        import torch

        return {part: torch.from_numpy(value) for part, value in known.items()}

    def match(
        self,
        name: str,
        pairs: Sequence[tuple[Image, str]],
        on_step: OnStep | None = None,
        stop: threading.Event | None = None,
    ) -> list[float]:
        """The probability, 0..1, that each text describes its image, for models that read both together."""
        self.catalog.need(name, Matcher)
        pairs = [(image, clean_text(text)) for image, text in pairs]
        batches = self.map(name, "match", pairs, PAIR_BATCH, on_step, stop)
        return [float(value) for batch in batches for value in batch]

    def _call(self, key: Key, method: str, *args: Any) -> Any:
        """By the weights of this very revision; raises UserError where they were replaced meanwhile."""
        return self.engine.call(key, self._loader(key), method, *args)

    def _loader(self, key: Key) -> Load:
        return self.catalog.loader(*key)

    def _cache_tail(self, key: Key, method: str) -> tuple[str, ...]:
        """What an embedding depends on beside its content."""
        return (method, *key, self.engine.device.dtype, PROCESSOR)

    def _embed(
        self,
        name: str,
        method: str,
        items: Sequence[Any],
        contents: Sequence[str],
        batch: int,
        on_step: OnStep | None,
        stop: threading.Event | None,
    ) -> NDArray[np.float32]:
        key = self.key(name)
        tail = self._cache_tail(key, method)
        vectors: dict[str, NDArray[np.float32]] = {}
        todo = {}
        for content, item in zip(contents, items, strict=True):
            known = self.engine.cache.get((content, *tail))
            if known is None:
                todo[content] = item
            else:
                vectors[content] = known
        if todo:
            batches = self.engine.map(key, self._loader(key), method, list(todo.values()), batch, on_step, stop)
            for content, row in zip(todo, (row for part in batches for row in part.numpy()), strict=True):
                self.engine.cache.put((content, *tail), row)
                vectors[content] = row
        return np.stack([vectors[content] for content in contents])
