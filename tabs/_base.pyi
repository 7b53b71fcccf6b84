"""The anatomy that every tab shares: the pieces it is built from, and how its handlers run."""

from __future__ import annotations

import functools
import html
import inspect
import logging
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import PIL.Image
from core.admin_door import Door
from gradio.data_classes import ImageData
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from core import images
from core.data.galleries import Gallery
from core.data.store import Store
from core.engine import OnStep
from core.errors import UserError
from core.models.abilities import Model
from core.models.inference import Models
from core.settings import Settings
from core.training.supervisor.runs import Runs

log = logging.getLogger("vlm_lab")
EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"

@dataclass(frozen=True)
class Lab:
    """What a tab is built over: how the app was started, the models and the galleries."""

    settings: Settings
    models: Models
    bundled: Gallery
    store: Store | None  # None where galleries may not be kept
    door: Door | None = None  # None where there is no admin page
    runs: Runs | None = None  # None where there is no admin page, or no place for training runs

@dataclass(frozen=True)
class Tab:
    """`build(lab)` lays the tab out inside an open gr.Tab; all its components are local to that call."""

    id: str
    title: str
    order: int
    build: Callable[[Lab], None]

class Page(gr.Blocks):
    """Blocks that take files as uploads only.

    Gradio checks the path of a file only where its JSON carries a "meta" mark, which gr.Image does not ask for, so
    that a picture anywhere on this disk could be named; and it downloads a path that is a link.
    """

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        values = list(inputs)
        while values:
            value = values.pop()
            if isinstance(value, dict):
                values.extend(value.values())
                if "path" in value:
                    if str(value["path"]).lower().startswith(("http:", "https:")):
                        raise gr.Error("Upload the file itself: links are not followed.", print_exception=False)
                    value["meta"] = {"_type": "gradio.FileData"}
            elif isinstance(value, list):
                values.extend(value)
        return await super().preprocess_data(block_fn, inputs, *args, **kwargs)

class PhotoInput(gr.Image):
    """An image input that lets pictures in through the lab's one door only, as upright RGB.

    The plain component opens any format Pillow knows, PostScript included, before a handler can look.
    """

    is_template = True

    def preprocess(self, payload: ImageData | None) -> PIL.Image.Image | None:
        if payload is None or not (payload.path or payload.url):
            return None
        if not payload.path:  # data: URLs and links are the server's to fetch, so they are not fetched
            raise gr.Error("Upload the picture as a file.", print_exception=False)
        try:
            picture = images.read(payload.path)
        except UserError as error:
            raise gr.Error(html.escape(str(error)), print_exception=False) from None
        if picture.note:
            gr.Info(picture.note)
        picture.image.info["name"] = Path(payload.orig_name or "photo.jpg").name
        return picture.image
    from collections.abc import Callable, Sequence
    from typing import TYPE_CHECKING, Any, Literal

    from gradio.blocks import Block

    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component

def file_name(image: PIL.Image.Image | None) -> str:
    """The name a picture was uploaded under, for the program that is shown."""
    return str(image.info.get("name", "photo.jpg")) if image else "photo.jpg"

def safe(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Show a UserError's message; log anything else and show nothing of it. Names and docstrings stay, for the API."""

    def translate(error: Exception) -> gr.Error:
        if isinstance(error, UserError):
            return gr.Error(html.escape(str(error)), print_exception=False)
        log.error("%s failed", handler.__name__, exc_info=error)
        return gr.Error(
            "Something went wrong here. It was written to the log; nothing you did is lost.", print_exception=False
        )

    if inspect.isgeneratorfunction(handler):
        @functools.wraps(handler)
        def stream(*args: Any, **kwargs: Any) -> Generator[Any]:
            try:
                yield from handler(*args, **kwargs)
            except gr.Error:
                raise
            except Exception as error:
                raise translate(error) from None

        return stream

    @functools.wraps(handler)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            raise translate(error) from None

    return run

DEVICE: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": 1}
"""For every event that runs a model: one queue for them all, because there is one device."""

class ModelPicker(gr.Dropdown):
    """Takes any name: which models there are now is for the core to say, and it does so in words. The plain component knows
    only those that there were when the page was opened, or for a program, when the lab was."""

    is_template = True

    def preprocess(self, payload: Any) -> str | None:
        return None if payload is None else str(payload)
    from collections.abc import Callable, Sequence
    from typing import TYPE_CHECKING, Any, Literal

    from gradio.blocks import Block

    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component

def model_picker(lab: Lab, needs: type[Model] | tuple[type[Model], ...], label: str = "Model") -> gr.Dropdown:
    """All models with the ability `needs`, or one of them; the one that --profile asks for is chosen."""
    specs = lab.models.catalog.specs(needs)
    published = [spec.id for spec in specs if spec.family != "embedded" and spec.path is None]
    default = published[0] if lab.settings.profile == "hub" and published else specs[0].id

    def choices() -> list[tuple[str, str]]:
        return [(lab.models.catalog.label(spec.id), spec.id) for spec in lab.models.catalog.specs(needs)]

    picker = ModelPicker(
        choices(),
        value=default,
        label=label,
        info="The embedded one needs no network. Others are downloaded once, when first used.",
    )
    # When a page opens: some are here by now, runs have ended, others were deleted.
    gr.on(None, lambda: gr.Dropdown(choices()), None, picker, api_visibility="private")
    return picker

def whole(number: float, name: str) -> int:
    """What a slider in whole steps gave, which a program may have sent as anything."""
    if not float(number).is_integer():
        raise UserError(f"{name} must be a whole number.")
    return int(number)

def fetch_model(lab: Lab, name: str, progress: gr.Progress) -> None:
    """Have the chosen model on this machine, with its download shown as it goes."""
    if lab.models.catalog.path(name) is None:
        progress(0, desc=f"Downloading {name}")
        lab.models.catalog.fetch(
            name, lambda done, total: progress((done, total), desc=f"Downloading {name}", unit="bytes")
        )

def stepper(progress: gr.Progress, what: str) -> Callable[[int, int], None]:
    """The core's on_step(done, total) as Gradio's progress bar."""
    return lambda done, total: progress((done, total), desc=what)

Work = Callable[[OnStep, threading.Event], Any]

def stoppable(work: Work) -> Generator[tuple[int, int], None, Any]:
    """Run `work(on_step, stop)` in a thread, yielding (done, total) as it goes; returns what it returns.

    For handlers that are generators: when the visitor cancels or closes the page, Gradio closes the
    generator, which sets `stop`. A plain handler could not be told, and would run on unseen.
    """
    stop, news, outcome = threading.Event(), threading.Event(), {}
    steps = [(0, 0)]

    def step(done: int, total: int) -> None:
        steps[0] = (done, total)
        news.set()

    def run() -> None:
        try:
            outcome["value"] = work(step, stop)
        except Exception as error:
            outcome["error"] = error
        finally:
            news.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            if news.wait(0.2) and thread.is_alive():
                news.clear()
                yield steps[0]
    finally:
        stop.set()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]

def reported(
    steps: Generator[tuple[int, int], None, Any],
    what: str,
    progress: gr.Progress,
    told: Callable[[str], tuple[Any, ...]],
) -> Generator[tuple[Any, ...], None, Any]:
    """`stoppable` work as a progress bar, and in words: yields `told("what: 3 of 9")` as it goes, returns what the work
    returns."""
    while True:
        try:
            done, total = next(steps)
        except StopIteration as end:
            return end.value
        progress((done, total), desc=what)
        yield told(f"{what}: {done} of {total}")

def write_file(name: str, text: str) -> str:
    """A file for a visitor to download, in Gradio's cache, which is cleared of what is an hour old."""
    return write_bytes(name, text.encode())

def write_bytes(name: str, content: bytes) -> str:
    """The same for what is not text."""
    return save_bytes_to_cache(content, name, get_upload_folder())

def read_more(text: str) -> None:
    gr.Markdown(text, elem_classes="read-more")
