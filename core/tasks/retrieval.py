"""Retrieval: exact search by cosine, in RAM, and how good it is where the truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from core import images
from core.data.galleries import Gallery
from core.engine import OnStep
from core.errors import UserError
from core.models.abilities import DualEncoder
from core.models.inference import Models
from core.results import Failure, Hit, Recall
from core.tasks import TASKS, Task

TASK = TASKS.register("retrieval", Task("retrieval", "find pictures by words, words by a picture", DualEncoder))

Vectors = NDArray[np.float32]
MAX_K = 100
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
    models: Models, name: str, gallery: Gallery, query: Vectors, k: int, on_step: OnStep | None = None
) -> list[Hit]:
    """The k pictures nearest to `query` [d], best first."""
    items = gallery.items
    if not items:
        raise UserError("This gallery is empty. Add some pictures to it first.")
    indices, scores = top_k(gallery.vectors(models, name, on_step, items=items), query, check_k(k))
    return [Hit(items[i].id, score, items[i].caption) for i, score in zip(indices, scores, strict=True)]


def rerank(
    models: Models, name: str, gallery: Gallery, text: str, ids: Sequence[str], on_step: OnStep | None = None
) -> list[Hit]:
    """These items of the gallery ordered by a model that reads words and picture together (BLIP's image-text matching
    head), best first; the score is the probability that they match. Ids it does not hold, and all after the first
    MAX_K, are left out. Raises UserError if the model cannot, or if there is nothing to order."""
    text = (text or "").strip()
    held = {item.id: item for item in gallery.items}
    items = [held[i] for i in dict.fromkeys(ids) if i in held][:MAX_K]
    if not text or not items:
        raise UserError("Search with words first: ordering anew compares the words with the pictures found.")
    matches = models.match(name, [(images.read(item.path).image, text) for item in items], on_step)
    hits = [Hit(item.id, match, item.caption) for item, match in zip(items, matches, strict=True)]
    return sorted(hits, key=lambda hit: -hit.score)


def search_captions(
    models: Models, name: str, gallery: Gallery, query: Vectors, k: int, on_step: OnStep | None = None
) -> list[Hit]:
    """The k captions nearest to `query` [d], best first, each with the id of the picture it belongs to."""
    items = gallery.items
    owners, vectors = gallery.caption_vectors(models, name, on_step, items=items)
    if not owners:
        raise UserError("No picture of this gallery has a caption, so there is none to find.")
    rows, scores = top_k(vectors, query, check_k(k))
    return [Hit(items[owners[r]].id, score, items[owners[r]].caption) for r, score in zip(rows, scores, strict=True)]


def check_k(k: float) -> int:
    """Raises UserError for what is no whole number of 1 to MAX_K."""
    if not isinstance(k, int | float) or k != k or not 1 <= k <= MAX_K:
        raise UserError(f"The number of results must lie between 1 and {MAX_K}.")
    return int(k)


def evaluate(models: Models, name: str, gallery: Gallery, on_step: OnStep | None = None) -> tuple[Recall, Recall]:
    """(words to pictures, pictures to words): every caption asked for its picture, and the other way round.

    Equal captions answer for each other's pictures.
    """
    items = gallery.items
    owners, captions = gallery.caption_vectors(models, name, on_step, items=items)
    if len(owners) < 2:
        raise UserError("Recall needs at least two pictures with captions. Add captions to this gallery first.")
    pictures = gallery.vectors(models, name, on_step, items=items)[owners]
    texts, ids = [items[i].caption for i in owners], [items[i].id for i in owners]
    same: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        same.setdefault(text.lower(), []).append(row)
    right = [[row, *(r for r in same[text.lower()] if r != row)] for row, text in enumerate(texts)]
    return (
        recall(captions, pictures, right, query_names=texts, gallery_names=ids),
        recall(pictures, captions, right, query_names=ids, gallery_names=texts),
    )


def program(models: Models, name: str, folder: str, text: str, image_file: str, k: int) -> str:
    """The shortest program on `transformers` that gives the same ranking of the pictures in `folder`, as text."""
    adapter, spec = models.catalog.adapter(name), models.catalog.spec(name)
    assert issubclass(adapter, DualEncoder)
    text = (text or "").strip()
    others = f"[*files, {image_file!r}]" if image_file else "files"
    query = {
        (True, False): "query = text_embeds[0]",
        (False, True): "query, image_embeds = image_embeds[-1], image_embeds[:-1]",
        (True, True): "query, image_embeds = text_embeds[0] + image_embeds[-1], image_embeds[:-1]",
    }[bool(text), bool(image_file)]
    return "\n".join(
        [
            "from pathlib import Path",
            "",
            "import torch",
            "from PIL import Image",
            "",
            f'files = sorted(file for file in Path({folder!r}).iterdir() if file.suffix in (".jpg", ".png"))',
            f'images = [Image.open(file).convert("RGB") for file in {others}]',
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
    )


def top_k(gallery: Vectors, query: Vectors, k: int) -> tuple[list[int], list[float]]:
    """Indices and cosines of the k rows of `gallery` [n, d] nearest to `query` [d], best first.

    One pass over memory: a matrix-vector product, then a partial sort of the n scores. Ties go by position,
    at the k-th place too, so that a ranking never flickers.
    """
    k = min(k, len(gallery))
    if k <= 0:
        return [], []
    scores = gallery @ query
    worst = np.partition(scores, -k)[-k]
    best = np.flatnonzero(scores >= worst)
    best = best[np.argsort(-scores[best], kind="stable")][:k]
    return best.tolist(), scores[best].tolist()


def recall(
    queries: Vectors,
    gallery: Vectors,
    right: Sequence[Sequence[int]],
    at: Sequence[int] = (1, 5, 10),
    query_names: Sequence[str] = (),
    gallery_names: Sequence[str] = (),
    failures: int = 12,
) -> Recall:
    """Recall@k: the share of queries with a right gallery row among the first k.

    `right[q]` are the gallery rows that answer query q. Ties go by position, as in `top_k`: a model to which
    all is one would be right every time if they went to the right answer. With names given, the worst `failures` come too.
    """
    ranks, firsts = [], []
    for query, answers in zip(queries, right, strict=True):
        scores = gallery @ query
        best = scores[list(answers)].max()
        place = min(answer for answer in answers if scores[answer] == best)
        ranks.append(1 + int((scores > best).sum() + (scores[:place] == best).sum()))
        firsts.append(int(scores.argmax()))
    worst = sorted((q for q, rank in enumerate(ranks) if rank > 1), key=lambda q: -ranks[q])[:failures]
    return Recall(
        {k: float(np.mean([rank <= k for rank in ranks])) for k in at},
        [Failure(query_names[q], gallery_names[right[q][0]], gallery_names[firsts[q]], ranks[q]) for q in worst]
        if query_names
        else [],
    )
