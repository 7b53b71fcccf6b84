"""Every checkpoint the lab offers. One file a family; `Models` finds, loads and runs them."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from core import hub
from core.engine import Engine, OnStep
from core.errors import UserError
from core.images import pixel_key
from core.models._folders import local_specs, run_specs, runs_state
from core.models.base import AnchoredEncoder, CausalText, DualEncoder, ImageEncoder, Matcher, Model, Spec
from core.registry import Registry, discover

if TYPE_CHECKING:
    import torch
    from torch import Tensor

REVISIONS = Path(__file__).with_name("revisions.json")
EMBEDDED, CAPTIONER = "embedded", "embedded-captioner"
SHOWN = 80  # characters of a model's name in the picker
TEXT_LIMIT = 2_000  # characters; every text tower here reads less than that


@dataclass(frozen=True)
class Family:
    """Checkpoints that one adapter loads. `architectures` are the names in config.json it recognises.

    Pickers list families by `order`, then by name; the first published one is what `--profile hub` starts with.
    """

    name: str
    adapter: type[Model]
    specs: tuple[Spec, ...]
    architectures: tuple[str, ...] = ()
    order: int = 50
    path: Callable[[], Path] | None = None  # where the weights are when they do not come from the hub


FAMILIES: Registry[Family] = Registry("model family")


def register(family: Family) -> Family:
    """Called once by each family's file."""
    return FAMILIES.register(
        family.name, replace(family, specs=tuple(replace(spec, family=family.name) for spec in family.specs))
    )


class Models:
    """The checkpoints on offer, over one engine. Names are `Spec.id`s. `folder` holds local checkpoints, `runs` training
    runs, whose models come and go while the lab is open."""

    def __init__(self, engine: Engine, folder: Path | None = None, runs: Path | None = None) -> None:
        discover(sys.modules[__name__])
        self.engine = engine
        self._specs: Registry[Spec] = Registry("model")
        self._details: dict[tuple[str, str], Any] = {}  # small facts read from a loaded model, such as its scale
        for family in sorted(FAMILIES, key=lambda family: (family.order, family.name)):
            for spec in family.specs:
                self._specs.register(spec.id, spec)
        self._families = by_architecture()
        for spec in local_specs(folder, self._families) if folder else []:
            taken = spec.id in self._specs.names()
            spec = replace(spec, id=f"{spec.id} (local)") if taken else spec
            self._specs.register(spec.id, spec)
        self._runs = runs
        self._trained: dict[str, Spec] = {}
        self._seen: tuple[tuple[str, int], ...] = ()  # the runs of which _trained tells
        self._refreshing = threading.Lock()

    def refresh(self) -> None:
        """See which runs ended, and which were deleted. Cheap where nothing changed."""
        if self._runs is None:
            return
        with self._refreshing:
            seen = runs_state(self._runs)
            if seen == self._seen:
                return
            self._seen, before = seen, self._trained
            self._trained = run_specs(self._runs, self._families, self._specs.names())
            for name in before:  # the next of this name, or of this run, is another model
                self.engine.unload(name)
                self._details = {key: value for key, value in self._details.items() if key[0] != name}

    def specs(self, needs: type[Any] | tuple[type[Any], ...] | None = None) -> list[Spec]:
        """All specs, or those whose adapter has the ability `needs`, or one of them; the embedded one first, the newest
        trained one last."""
        self.refresh()
        specs = [*self._specs, *self._trained.values()]
        return [spec for spec in specs if needs is None or issubclass(FAMILIES.get(spec.family).adapter, needs)]

    def spec(self, name: str) -> Spec:
        """Raises UserError when there is none, as of a run that was deleted meanwhile."""
        if name not in self._specs.names():
            self.refresh()
        return self._trained.get(name) or self._specs.get(name)

    def adapter(self, name: str) -> type[Model]:
        return FAMILIES.get(self.spec(name).family).adapter

    def path(self, name: str) -> Path | None:
        """The checkpoint's folder on this machine, or None."""
        spec = self.spec(name)
        if spec.path:
            return spec.path
        own = FAMILIES.get(spec.family).path
        return own() if own else hub.local_path(spec.id, revision(spec.id))

    def revision(self, name: str) -> str:
        """What vectors of this model are filed under: the hub's revision, or for a local folder a fingerprint of
        its weights' files, so that training again under the same name does not find yesterday's vectors."""
        folder = self.spec(name).path
        if folder is None:
            return revision(name)
        files = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in folder.glob("*.safetensors")]
        return f"local-{blake2b(repr(sorted(files)).encode(), digest_size=8).hexdigest()}"

    def label(self, name: str) -> str:
        """One line for the picker: name, size, licence, and whether it is on this machine."""
        spec = self.spec(name)
        here = "on this machine" if self.path(name) else "downloads when first used"
        short = spec.id if len(spec.id) <= SHOWN else f"{spec.id[: SHOWN - 1]}…"
        return f"{short} · {spec.megabytes:,} MB · {spec.licence} · {here}"

    def fetch(self, name: str, on_step: OnStep | None = None) -> Path:
        """The checkpoint's folder, downloaded if need be. Raises UserError when it cannot be had."""
        return self.path(name) or hub.fetch(name, revision(name), on_step)

    def loader(self, name: str) -> Callable[..., Model]:
        """What `Engine.call` loads this model with."""
        return partial(self.adapter(name).load, self.fetch(name))

    def call(self, name: str, method: str, *args: Any) -> Any:
        if not hasattr(self.adapter(name), method):
            raise _unable(name)
        return self.engine.call(name, self.loader(name), method, *args)

    def detail(self, name: str, method: str) -> Any:
        """The result of a cheap method without arguments, asked once."""
        if (name, method) not in self._details:
            self._details[name, method] = self.call(name, method)
        return self._details[name, method]

    def embed_images(
        self, name: str, images: Sequence[Image], on_step: OnStep | None = None, stop: threading.Event | None = None
    ) -> NDArray[np.float32]:
        """Unit vectors [n, d]; pictures seen before come from the cache."""
        self._need(name, DualEncoder)
        return self._embed(name, "embed_images", images, [pixel_key(image) for image in images], 16, on_step, stop)

    def anchor_images(self, name: str, images: Sequence[Image]) -> NDArray[np.float32]:
        """[n, anchors]: the cosine of each picture with the picture of each anchor; those seen before come from the cache."""
        self._need(name, AnchoredEncoder)
        return self._embed(name, "anchor_images", images, [pixel_key(image) for image in images], 16, None, None)

    def embed_texts(
        self, name: str, texts: Sequence[str], on_step: OnStep | None = None, stop: threading.Event | None = None
    ) -> NDArray[np.float32]:
        """Unit vectors [n, d]. Raises UserError for a text of more than TEXT_LIMIT characters."""
        self._need(name, DualEncoder)
        texts = [clean_text(text) for text in texts]
        return self._embed(name, "embed_texts", texts, texts, 256, on_step, stop)

    def embed_continuations(self, name: str, groups: Sequence[Sequence[str]]) -> list[NDArray[np.float32]]:
        """Unit vectors [n, d] for each group: the n ways in which one text may go on. What was read before costs nothing:
        a causal tower keeps beginnings, and for others whole texts are in the cache."""
        self._need(name, DualEncoder)
        groups = [[clean_text(text) for text in texts] for texts in groups]
        if issubclass(self.adapter(name), CausalText):
            vectors = self.call(name, "embed_continuations", groups).numpy()
        else:
            vectors = self.embed_texts(name, [text for texts in groups for text in texts])
        return np.split(vectors, np.cumsum([len(texts) for texts in groups])[:-1])

    def encode(self, name: str, image: Image) -> dict[str, Tensor]:
        """What the model keeps of a picture: looked at once, and then in the cache."""
        self._need(name, ImageEncoder)
        key = (pixel_key(image), "encode_image", name, self.revision(name), self.engine.device.dtype, "pil")
        known = self.engine.cache.get(key)
        if known is None:
            encoding = self.call(name, "encode_image", image)
            known = {part: value.numpy() for part, value in encoding.items()}
            self.engine.cache.put(key, known)
        import torch

        return {part: torch.from_numpy(value) for part, value in known.items()}

    def match(self, name: str, pairs: Sequence[tuple[Image, str]], on_step: OnStep | None = None) -> list[float]:
        """Match probabilities of image-text pairs, for models that read both together."""
        self._need(name, Matcher)
        pairs = [(image, clean_text(text)) for image, text in pairs]
        parts = self.engine.map(name, self.loader(name), "match", pairs, 16, on_step)
        return [float(value) for part in parts for value in part]

    def _need(self, name: str, ability: type[Any]) -> None:
        if not issubclass(self.adapter(name), ability):
            raise _unable(name)

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
        tail = (method, name, self.revision(name), self.engine.device.dtype, "pil")
        vectors: dict[str, NDArray[np.float32]] = {}
        todo = {}
        for content, item in zip(contents, items, strict=True):
            known = self.engine.cache.get((content, *tail))
            if known is None:
                todo[content] = item
            else:
                vectors[content] = known
        if todo:
            parts = self.engine.map(name, self.loader(name), method, list(todo.values()), batch, on_step, stop)
            for content, row in zip(todo, (row for part in parts for row in part.numpy()), strict=True):
                self.engine.cache.put((content, *tail), row)
                vectors[content] = row
        return np.stack([vectors[content] for content in contents])


def _unable(name: str) -> UserError:
    return UserError(f"{name} cannot do this. Choose another model.")


def clean_text(text: str) -> str:
    """Without NUL and lone surrogates, which tokenisers reject. Raises UserError when too long."""
    if len(text) > TEXT_LIMIT:
        raise UserError(f"This text has {len(text):,} characters; at most {TEXT_LIMIT:,} are read. Shorten it.")
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def revision(model_id: str) -> str:
    """The pinned commit, or "main" until `python -m core.models pin` was run where a hub can be reached."""
    pins: dict[str, str] = json.loads(REVISIONS.read_text()) if REVISIONS.exists() else {}
    return pins.get(model_id, "main")


def by_architecture() -> dict[str, Family]:
    """The families by the names in config.json that they recognise."""
    return {name: family for family in FAMILIES for name in family.architectures}


def load_checkpoint(name: str, device: torch.device, dtype: torch.dtype) -> Model:
    """What a model trained here stands on: a checkpoint on offer by its id, or a local one by its folder's absolute path.
    Raises UserError where it is no longer there."""
    folder = Path(name)
    local = local_specs(folder.parent, by_architecture()) if folder.is_absolute() else []
    offered = local or [spec for own in FAMILIES for spec in own.specs]
    spec = next((spec for spec in offered if name in (spec.id, str(spec.path))), None)
    if spec is None:
        raise UserError(f"This model stands on {folder.name!r}, which is no longer there. Train it again on another.")
    family = FAMILIES.get(spec.family)
    own = family.path() if family.path else spec.path or hub.local_path(name, revision(name))
    return family.adapter.load(own or hub.fetch(name, revision(name)), device, dtype)
