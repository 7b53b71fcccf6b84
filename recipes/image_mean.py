# SPDX-License-Identifier: Apache-2.0

"""Make assets/embedded/image_mean.safetensors: the mean of the demo gallery's picture vectors.

    python -m recipes.image_mean

Pictures that a visitor adds as anchors are centred by it, as the classifier's rows are by theirs. Half a minute.
"""

import torch
from PIL import Image
from safetensors.torch import save_file

from core.assets import EMBEDDED_FOLDER
from core.data.bundled import bundled
from core.models.embedded.pair import EmbeddedPair


def main() -> None:
    pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
    with torch.inference_mode():
        vectors = [pair.image_vector(Image.open(item.path).convert("RGB")) for item in bundled().items]
    save_file({"mean": torch.cat(vectors).mean(0)}, EMBEDDED_FOLDER / "image_mean.safetensors")


if __name__ == "__main__":
    main()
