# SPDX-License-Identifier: Apache-2.0

"""Make assets/captioner/bank.{txt.gz,safetensors}: captions sampled from the caption language model. After recipes.captioner.

    python -m recipes.bank CAPTIONS.txt.gz --work FOLDER

Of what the model says (nucleus sampling), the least likely tenth is dropped, and so is every sentence twice. Sentences that
stand word for word in CAPTIONS.txt.gz, which the model was trained on, are dropped but for VERBATIM of the bank. FOLDER keeps the
samples; run it again to go on after an interruption. About half an hour on two cores.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from core.assets import CAPTIONER_FOLDER
from core.data import bank
from core.engine import Engine
from core.models.family import CAPTIONER
from core.models.inference import Models
from core.settings import Settings
from recipes.captioner import read

SAMPLES, BATCH, SIZE = 45_000, 250, 34_000
TOP_P, TEMPERATURE = 0.92, 0.9
UNLIKELY, VERBATIM = 0.1, 0.02
SHORTEST, LONGEST = 5, 20  # words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captions", type=Path, help="the text that recipes.captioner was given")
    parser.add_argument("--work", type=Path, required=True, help="folder for the samples")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    args = parser.parse_args()
    models = Models(Engine(Settings()))
    drawn = dict(zip(*samples(models, args.work / "samples.jsonl", args.samples), strict=True))
    training, held_out = read(args.captions)
    chosen = choose(drawn, set(training) | set(held_out))[:SIZE]
    made = bank.make(models, chosen, on_step=lambda done, total: print(f"read {done} of {total}", end="\r", flush=True))
    CAPTIONER_FOLDER.mkdir(exist_ok=True)
    (CAPTIONER_FOLDER / "bank.txt.gz").write_bytes(gzip.compress("\n".join(made.captions).encode(), 9, mtime=0))
    save_file({"indices": made.indices, "similarities": made.similarities}, CAPTIONER_FOLDER / "bank.safetensors")
    verbatim = len(set(made.captions) & set(training))
    print(f"{len(made)} captions, {verbatim / len(made):.1%} of them in the training text")


def samples(models: Models, file: Path, wanted: int) -> tuple[list[str], list[float]]:
    """Captions and their mean log probabilities; batch i by seed i, so that going on gives the same."""
    file.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    with file.open("a") as kept:
        for seed in range(len(done), wanted // BATCH):
            rows = models.call(CAPTIONER, "sample", BATCH, 0, TOP_P, TEMPERATURE, 32, seed)
            texts = [text for text in models.call(CAPTIONER, "decode", rows) if text]
            done.append([texts, models.call(CAPTIONER, "likelihood", texts).tolist()])
            print(json.dumps(done[-1]), file=kept, flush=True)
            print(f"drew {BATCH * (seed + 1)} of {wanted}", end="\r", flush=True)
    return [text for texts, _ in done for text in texts], [value for _, values in done for value in values]


def choose(drawn: dict[str, float], known: set[str]) -> list[str]:
    """In the order drawn."""
    floor = float(np.quantile(list(drawn.values()), UNLIKELY))
    likely = [text for text, value in drawn.items() if value >= floor and SHORTEST <= len(text.split()) <= LONGEST]
    new = [text for text in likely if text not in known]
    allowed = set([text for text in likely if text in known][: int(len(new) * VERBATIM)])
    return [text for text in likely if text not in known or text in allowed]


if __name__ == "__main__":
    main()
