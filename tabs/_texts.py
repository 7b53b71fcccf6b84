# SPDX-License-Identifier: Apache-2.0

"""What the page says, from one file for each language: `texts/en.yaml`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml  # type: ignore[import-untyped]

FOLDER = Path(__file__).with_name("texts")


class Texts:
    """The texts of one section: `texts.about`, or with what goes into its places, `texts("found", number=3)`."""

    def __init__(self, section: str, said: dict[str, str]) -> None:
        self._section, self._said = section, said

    def __getattr__(self, name: str) -> str:
        """Raises AttributeError where the file has no such text."""
        try:
            return self._said[name]
        except KeyError:
            raise AttributeError(f"texts/en.yaml has no text {self._section}.{name}") from None

    def __call__(self, name: str, /, **places: object) -> str:
        return str(getattr(self, name)).format(**places)


@lru_cache
def _read(language: str) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = yaml.safe_load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    return sections


def texts(section: str, language: str = "en") -> Texts:
    """Raises KeyError where the file has no such section."""
    return Texts(section, _read(language)[section])
