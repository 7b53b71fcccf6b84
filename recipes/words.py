# SPDX-License-Identifier: Apache-2.0

"""Make assets/vqa/words.json: the words that may answer "what is this?", and how often captions use each.

    python -m recipes.words CAPTIONS.txt.gz

A count is the number of times the word or its plural occurs in the captions (one a line; here 50,000 of COCO's
training part), so that "boat" is said before "sailboat" where both fit. The text itself does not ship.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from pathlib import Path

from benchmarks.questions import plural
from core.assets import VQA_FOLDER


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captions", type=Path, help="a gzipped text file, one caption a line")
    with gzip.open(parser.parse_args().captions, "rt") as file:
        text = file.read().lower()
    kinds: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("words.txt").read_text().splitlines():
        names, _, words = line.partition(":")
        if words and not line.startswith("#"):
            for word in words.split(","):
                kinds.setdefault(word.strip(), []).extend(names.split())
    rows = ",\n".join(
        json.dumps({"word": word, "kinds": sorted(set(names)), "count": count(word, text)})
        for word, names in kinds.items()
    )
    (VQA_FOLDER / "words.json").write_text(f"[\n{rows}\n]\n")


def count(word: str, text: str) -> int:
    forms = "|".join(map(re.escape, (word, plural(word))))
    return len(re.findall(rf"\b(?:{forms})\b", text))


if __name__ == "__main__":
    main()
