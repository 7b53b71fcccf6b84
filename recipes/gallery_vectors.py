"""Make assets/gallery/vectors.safetensors: the demo gallery seen by the embedded model.

    python -m recipes.gallery_vectors

Run it after any change to the gallery's pictures, its captions or the embedded model. Half a minute on two cores.
"""

from core.data.bundled import freeze
from core.engine import Engine
from core.models.inference import Models
from core.settings import Settings

if __name__ == "__main__":
    print(freeze(Models(Engine(Settings()))).name)
