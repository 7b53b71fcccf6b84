# SPDX-License-Identifier: Apache-2.0

"""Components whose values are checked before a handler sees them, or not restricted to what the page listed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import PIL.Image
from gradio.component_meta import ComponentMeta
from gradio.data_classes import FileData, ImageData
from gradio.utils import NamedString
from gradio_client.utils import is_valid_file  # type: ignore[import-untyped]

from core import images
from core.errors import UserError

UPLOADED = {
    "type": "object",
    "description": 'an uploaded file: its path, as /gradio_api/upload told it, and {"_type": "gradio.FileData"} as meta',
    "properties": {"path": {"type": "string"}, "meta": {"type": "object"}},
    "required": ["path", "meta"],
}


class WithoutStub(ComponentMeta):
    """Makes a subclass of a component without the .pyi file that Gradio writes beside the source of each.

    Nothing else of Gradio's metaclass is needed where a class has neither an __init__ nor events of its own.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> Any:
        assert not {"__init__", "EVENTS"} & attributes.keys(), name
        return super(ComponentMeta, cls).__new__(cls, name, bases, attributes)


@dataclass(frozen=True)
class Unreadable:
    """In the place of a picture: why there is none. `web.page` raises it, save for the handlers of the page, which say it."""

    why: str


class PhotoInput(gr.Image, metaclass=WithoutStub):
    """An image input that gives upright RGB pictures, or None. What `core.images.read` refuses is Unreadable.

    The plain component opens any format Pillow knows, PostScript included, before a handler runs.
    """

    is_template = True

    def preprocess(self, payload: ImageData | None) -> PIL.Image.Image | Unreadable | None:  # type: ignore[override]
        if payload is None or not (payload.path or payload.url):
            return None
        if not payload.path:  # data: URLs and links are the server's to fetch, so they are not fetched
            raise gr.Error("Upload the picture as a file.", print_exception=False)
        try:
            picture = images.read(payload.path)
        except UserError as error:
            return Unreadable(str(error))
        picture.image.info |= {"name": Path(payload.orig_name or "photo.jpg").name}
        return picture.image


class FileInput(gr.File, metaclass=WithoutStub):
    """A file input without the empty temporary file that the plain component leaves behind for each value."""

    is_template = True

    def api_info(self) -> dict[str, Any]:
        """Of several files a program sends what it uploaded, as objects: the plain component's schema refers to a
        definition that is nowhere in an MCP tool, and Gradio turns addresses into files only where there is one."""
        return {"type": "array", "items": UPLOADED} if self.file_count == "multiple" else super().api_info()

    def _process_single_file(self, f: FileData) -> NamedString:
        if self.file_types and not is_valid_file(f.path, self.file_types):
            raise gr.Error(f"Choose a file of one of these kinds: {', '.join(self.file_types)}.", print_exception=False)
        return NamedString(f.path)


class JSONInput(gr.JSON, metaclass=WithoutStub):
    """JSON whose schema is one: the plain component's {"type": {}} is refused by clients of MCP tools."""

    is_template = True

    def api_info(self) -> dict[str, Any]:
        return {"description": "any valid json"}


class AnyDropdown(gr.Dropdown, metaclass=WithoutStub):
    """A dropdown that takes any name: which there are now is for the core to say, and it does so in words. The plain
    component knows only those that there were when the page was opened, or for a program, when the lab was."""

    is_template = True

    def preprocess(self, payload: Any) -> str | None:
        return None if payload is None else str(payload)


class AnyCheckboxGroup(gr.CheckboxGroup, metaclass=WithoutStub):
    """The same for several names."""

    is_template = True

    def preprocess(self, payload: Any) -> list[str]:  # type: ignore[override]  # of names, never of indices
        return [str(name) for name in payload or []]


def file_name(image: PIL.Image.Image) -> str:
    """The name a picture was uploaded under."""
    return str(image.info.get("name", "photo.jpg"))
