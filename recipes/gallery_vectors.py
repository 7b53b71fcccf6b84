# SPDX-License-Identifier: Apache-2.0

"""Make assets/gallery/vectors.safetensors: the demo gallery's vectors by the embedded model.

    python -m recipes.gallery_vectors

Run it after any change to the gallery's pictures, its captions or the embedded model. Half a minute on two cores.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from core.assets import GALLERY_FOLDER
from core.data.bundled import bundled, fingerprint
from core.engine import Engine
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.settings import Settings


def freeze(models: Models, folder: Path = GALLERY_FOLDER) -> Path:
    """Write vectors.safetensors: `image` [n, d] and `caption` [m, d] by the embedded model, in float16.

    The metadata hold `ids` (JSON, of the n pictures), `caption_ids` (of the m with a caption) and the
    `fingerprint` of captions.csv.
    """
    path = folder / "vectors.safetensors"
    path.unlink(missing_ok=True)  # or they would be taken from there
    gallery = bundled(folder)
    image, (indices, caption) = gallery.vectors(models, EMBEDDED), gallery.caption_vectors(models, EMBEDDED)
    ids = [item.id for item in gallery.items]
    save_file(
        {"image": image.astype(np.float16), "caption": caption.astype(np.float16)},
        path,
        {
            "ids": json.dumps(ids),
            "caption_ids": json.dumps([ids[index] for index in indices]),
            "fingerprint": fingerprint(folder),
        },
    )
    return path


if __name__ == "__main__":
    print(freeze(Models(Engine(Settings()))).name)
