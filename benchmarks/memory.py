# SPDX-License-Identifier: Apache-2.0

"""How much memory do large pictures take? Prints a table; `--json FILE` writes the figures. Linux only.

    python -m benchmarks.memory

By how much the app's largest resident set grows: one visitor compares 64 pictures of 50 megapixels (`/classify_many`; asked:
less than 700 MB), then another has one picture of 50 megapixels segmented by 16 prompts.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.serving import Served, Visitor, served, told, write_json

SIZE = (8660, 5770)  # just below 50 megapixels


def large_picture(number: int, kind: str) -> bytes:
    """Of one colour each, so that no two are the same and their files are small."""
    buffer = io.BytesIO()
    Image.new("RGB", SIZE, (number * 3 % 256, 90, 160)).save(buffer, kind)
    return buffer.getvalue()


def grown(lab: Served, before: float) -> dict[str, float]:
    return {"before MB": before, "largest MB": lab.resident_mb(peak=True), "grew MB": lab.resident_mb(True) - before}


def measured(pictures: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with served() as lab, Visitor(lab.url) as visitor:
        for kind in ("JPEG", "PNG"):
            files = visitor.upload([large_picture(number, kind) for number in range(pictures)])
            lab.clear_peak()
            before = lab.resident_mb()
            visitor.ask("classify_many", files, "cat, dog", "a photo of a {}", "softmax", "embedded")
            name = f"classify_many, {pictures} {kind}s of 50 MP"
            figures[name] = grown(lab, before)
            print(told(name, figures[name]), flush=True)
        (file,) = visitor.upload([large_picture(pictures, "PNG")])
        lab.clear_peak()
        before = lab.resident_mb()
        visitor.ask("segment", file, "\n".join(f"a thing {n}" for n in range(16)), 0.5, "embedded", True)
        figures["segment, 16 prompts, PNG of 50 MP"] = grown(lab, before)
        print(told("segment, 16 prompts, PNG of 50 MP", figures["segment, 16 prompts, PNG of 50 MP"]), flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    write_json(args.json, measured(args.pictures))


if __name__ == "__main__":
    main()
