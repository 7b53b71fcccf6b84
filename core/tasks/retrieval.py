# SPDX-License-Identifier: Apache-2.0

"""Retrieval: exact search by cosine, in RAM, and how good it is where the truth is known."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from PIL.Image import Image

from core import images
from core.data.bundled import NAME as BUNDLED
from core.data.galleries import Gallery, Item
from core.engine import OnStep
from core.errors import UserError
from core.explain.gallery_map import Plane, fit_plane
from core.models.abilities import DualEncoder
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.results import Hit, Recall
from core.tasks import TASKS, Task
from core.tasks._program import READ_IMAGE, headed, image_line, shown_path
from core.tasks._ranking import Vectors
from core.tasks._ranking import recall as recall
from core.tasks._ranking import top_k as top_k

TASK = TASKS.register("retrieval", Task("retrieval", "find pictures by words, words by a picture", DualEncoder))

MAX_RESULTS = 100
MAX_QUERY = 500  # characters


def query_vector(models: Models, name: str, text: str, image: Image | None) -> Vectors:
    """[d], unit norm: the words, the picture, or the mean of both where both are given."""
    text = (text or "").strip()
    if not text and image is None:
        raise UserError("Say what you are looking for: type some words, choose a picture, or both.")
    if len(text) > MAX_QUERY:
        raise UserError(f"The query has {len(text):,} characters; at most {MAX_QUERY} are read. Shorten it.")
    parts = [models.embed_texts(name, [text])[0]] if text else []
    if image is not None:
        parts.append(models.embed_images(name, [image])[0])
    mean = np.mean(parts, axis=0, dtype=np.float32)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)


def search(
    models: Models,
    name: str,
    gallery: Gallery,
    query: Vectors,
    k: int,
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> list[Hit]:
    """The k pictures nearest to `query` [d], best first. Pictures that this model has not embedded yet are, with `on_step`
    and `stop` as in Gallery.vectors. Raises UserError for an empty gallery."""
    items = gallery.items
    if not items:
        raise UserError("This gallery is empty. Add some pictures to it first.")
    indices, scores = top_k(gallery.vectors(models, name, on_step, stop, items), query, check_k(k))
    return [Hit(items[i].id, score, items[i].caption) for i, score in zip(indices, scores, strict=True)]


def rerank(
    models: Models,
    name: str,
    gallery: Gallery,
    text: str,
    ids: Sequence[str],
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> list[Hit]:
    """These items of the gallery ordered by a model that reads words and picture together (BLIP's image-text matching
    head), best first; the score is the probability that they match. Ids it does not hold, and all after the first
    MAX_RESULTS, are left out. Pictures are read a few at a time. Raises UserError if the model cannot, or if there is nothing to
    order, and Stopped between batches once `stop` is set."""
    text = (text or "").strip()
    held = {item.id: item for item in gallery.items}
    items = [held[i] for i in dict.fromkeys(ids) if i in held][:MAX_RESULTS]
    if not text or not items:
        raise UserError("Search with words first: ordering anew compares the words with the pictures found.")
    matches: list[float] = []
    for batch in images.read_batches([item.path for item in items], stop):
        matches += models.match(name, [(picture.image, text) for picture in batch], None, stop)
        if on_step:
            on_step(len(matches), len(items))
    hits = [Hit(item.id, match, item.caption) for item, match in zip(items, matches, strict=True)]
    return sorted(hits, key=lambda hit: -hit.score)


def search_captions(
    models: Models,
    name: str,
    gallery: Gallery,
    query: Vectors,
    k: int,
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> list[Hit]:
    """The k captions nearest to `query` [d], best first, each with the id of the picture it belongs to. Raises UserError for
    a gallery without captions."""
    items = gallery.items
    owners, vectors = gallery.caption_vectors(models, name, on_step, stop, items)
    if not owners:
        raise UserError("No picture of this gallery has a caption, so there is none to find.")
    rows, scores = top_k(vectors, query, check_k(k))
    return [Hit(items[owners[r]].id, score, items[owners[r]].caption) for r, score in zip(rows, scores, strict=True)]


def plane(models: Models, name: str, gallery: Gallery, items: tuple[Item, ...] | None = None) -> Plane:
    """Where the gallery's pictures lie on a map; fitted once for these pictures and this revision of the model, then from
    the cache."""
    items = gallery.items if items is None else items
    digest = blake2b("\0".join(item.id for item in items).encode(), digest_size=16).hexdigest()
    key = (digest, "plane", name, models.catalog.revision(name))
    known = models.engine.cache.get(key)
    if known is None:
        known = fit_plane(gallery.vectors(models, name, items=items))._asdict()
        models.engine.cache.put(key, known)
    return Plane(**known)


def check_k(k: float) -> int:
    """Raises UserError for what is no whole number of 1 to MAX_RESULTS."""
    if not isinstance(k, int | float) or k != k or not 1 <= k <= MAX_RESULTS:
        raise UserError(f"The number of results must lie between 1 and {MAX_RESULTS}.")
    return int(k)


def evaluate(
    models: Models,
    name: str,
    gallery: Gallery,
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> tuple[Recall, Recall]:
    """(words to pictures, pictures to words): every caption asked for its picture, and the other way round.

    Equal captions answer for each other's pictures. `on_step` follows the embedding and then the comparisons, which are n
    times n, block by block. Raises UserError for fewer than two captions, and Stopped between blocks once `stop` is set.
    """
    items = gallery.items
    owners, captions = gallery.caption_vectors(models, name, on_step, stop, items)
    if len(owners) < 2:
        raise UserError("Recall needs at least two pictures with captions. Add captions to this gallery first.")
    pictures = gallery.vectors(models, name, on_step, stop, items)[owners]
    texts, ids = [items[i].caption for i in owners], [items[i].id for i in owners]
    same: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        same.setdefault(text.lower(), []).append(row)
    right = [[row, *(r for r in same[text.lower()] if r != row)] for row, text in enumerate(texts)]

    def half(begun: int) -> OnStep | None:
        return (lambda done, total: on_step(begun + done, 2 * total)) if on_step else None

    n = len(owners)
    return (
        recall(captions, pictures, right, query_names=texts, gallery_names=ids, on_step=half(0), stop=stop),
        recall(pictures, captions, right, query_names=ids, gallery_names=texts, on_step=half(n), stop=stop),
    )


def program(models: Models, name: str, gallery: str, text: str, image_file: str, k: int) -> str:
    """The shortest program that gives the same ranking of a gallery's pictures, as text, ready to run as its heading says.

    Of the bundled gallery with the embedded model the vectors are there; otherwise the pictures of a folder are embedded,
    the bundled ones or, for a gallery of one's own, those in `my-pictures`."""
    adapter, spec = models.catalog.adapter(name), models.catalog.spec(name)
    assert issubclass(adapter, DualEncoder)
    text = (text or "").strip()
    own = [image_file] if image_file else []
    if name == EMBEDDED and gallery == BUNDLED:
        return headed(_from_frozen_vectors(text, image_file, k), own)
    folder = "assets/gallery/pictures" if gallery == BUNDLED else "my-pictures"
    files = f"[*files, {shown_path(image_file)!r}]" if image_file else "files"
    query = {
        (True, False): "query = text_embeds[0]",
        (False, True): "query, image_embeds = image_embeds[-1], image_embeds[:-1]",
        (True, True): "query, image_embeds = text_embeds[0] + image_embeds[-1], image_embeds[:-1]",
    }[bool(text), bool(image_file)]
    lines = [
        "from pathlib import Path",
        "",
        "import torch",
        "from PIL import Image, ImageOps",
        "",
        f'files = sorted(file for file in Path({folder!r}).iterdir() if file.suffix in (".jpg", ".png"))',
        f"images = [{READ_IMAGE.format(file='file')} for file in {files}]",
        f"texts = {[text or 'a photo']!r}",
        "",
        adapter.program(str(spec.path or spec.id)).rstrip(),
        "",
        query,
        f"scores, best = (image_embeds @ torch.nn.functional.normalize(query, dim=0)).topk(min({k}, len(files)))",
        "for score, i in zip(scores.tolist(), best.tolist()):",
        '    print(f"{score:.4f} {files[i].stem}")',
        "",
    ]
    return headed("\n".join(lines), own if gallery == BUNDLED else [f"{folder}/", *own])


def _from_frozen_vectors(text: str, image_file: str, k: int) -> str:
    parts = [f"pair.embed_texts([{text!r}])[0]"] if text else []
    parts += ["pair.embed_images([image])[0]"] if image_file else []
    return FROM_FROZEN_VECTORS.format(
        pil="from PIL import Image, ImageOps\n" if image_file else "",
        image=f"{image_line(image_file)}\n" if image_file else "",
        query=" + ".join(parts),
        k=k,
    )


FROM_FROZEN_VECTORS = """\
import json

import torch
{pil}from safetensors import safe_open

from core.assets import EMBEDDED_FOLDER
from core.models.embedded.pair import EmbeddedPair  # EfficientNet-Lite0 and MiniLM, joined by ASIF

with safe_open("assets/gallery/vectors.safetensors", "pt") as file:  # the pictures, embedded beforehand
    image_embeds, ids = file.get_tensor("image").float(), json.loads(file.metadata()["ids"])
{image}pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
with torch.inference_mode():
    query = torch.nn.functional.normalize({query}, dim=0)
scores, best = (image_embeds @ query).topk(min({k}, len(ids)))
for score, i in zip(scores.tolist(), best.tolist()):
    print(f"{{score:.4f}} {{ids[i]}}")
"""
