# SPDX-License-Identifier: Apache-2.0

"""What all programs that a page shows have in common: how they read images, and a heading that says how to run them."""

from __future__ import annotations

from collections.abc import Sequence

from core.assets import ASSETS, EXAMPLES_FOLDER

# As `core.images.read` does for images of up to KEPT_PIXELS; larger ones the lab scales down first.
READ_IMAGE = 'ImageOps.exif_transpose(Image.open({file})).convert("RGB")'


def image_line(file: str) -> str:
    """The line of a program that leaves `image`."""
    return f"image = {READ_IMAGE.format(file=repr(shown_path(file)))}"


def shown_path(file: str) -> str:
    """What a program calls a visitor's file: its name, or where it lies in the lab's folder if it is one of the examples."""
    is_example = "/" not in file and "\0" not in file and (EXAMPLES_FOLDER / file).is_file()
    return (EXAMPLES_FOLDER / file).relative_to(ASSETS.parent).as_posix() if is_example else file


def headed(program: str, files: Sequence[str] = ()) -> str:
    """The program under a comment that says from which folder it runs, and which of a visitor's files must be there."""
    own = [repr(file) for file in files if shown_path(file) == file]
    together = f", with {', '.join(own)} in it" if own else ""
    if needs_lab(program):
        return f"# Run this from the lab's folder, the one with app.py{together}.\n{program}"
    place = f"the folder of {', '.join(own)}" if own else "any folder"
    return f"# Run this in {place}. It needs the packages torch, transformers and pillow.\n{program}"


def without_heading(program: str) -> str:
    """The program without the comment that `headed` puts above it."""
    return program.partition("\n")[2] if program.startswith("# Run this ") else program


def needs_lab(program: str) -> bool:
    """Whether it uses the lab's own code or files, so that published packages alone do not run it."""
    return "from core" in program or "assets/" in program


def runs_with(program: str) -> str:
    """What a page says that a program runs with, after "The same answer": true of every model."""
    return "with the lab's own code" if "from core" in program else "with transformers"
