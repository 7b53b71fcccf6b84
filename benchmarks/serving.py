# SPDX-License-Identifier: Apache-2.0

"""The lab as visitors meet it: `python app.py` in a process of its own, asked over HTTP."""

from __future__ import annotations

import io
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

ROOT = Path(__file__).parents[1]
PICTURES = sorted((ROOT / "assets" / "gallery").rglob("*.jpg"))
PATIENCE_S = 1800  # for one answer
ADMIN = "only for this benchmark"

_numbers = itertools.count(1)  # of crops, so that no picture is asked about twice


@contextmanager
def served(*flags: str) -> Iterator[Served]:
    """The app with these flags on a free port, answering, with its models loaded; its folders are temporary."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = [sys.executable, "app.py", "--port", str(port), "--runs", f"{folder}/runs", *flags]
        environment = {**os.environ, "XDG_CACHE_HOME": folder, "VLM_LAB_ADMIN": ADMIN}
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            try:
                process.stdout.readline()  # "VLM Lab is at ..."
                lab = Served(f"http://127.0.0.1:{port}/", process.pid)
                with Visitor(lab.url) as visitor:
                    visitor.classify()
                yield lab
            finally:
                process.terminate()
                process.communicate()


class Served:
    """Where the app is, and its process id."""

    def __init__(self, url: str, pid: int) -> None:
        self.url, self.pid = url, pid

    def resident_mb(self, peak: bool = False) -> float:
        """The process's resident set in MB, or the largest since it started. Linux only."""
        field = "VmHWM:" if peak else "VmRSS:"
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))

    def clear_peak(self) -> None:
        """Count the largest resident set from now on."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


class Visitor(httpx.Client):
    """Somebody with the page open, who asks by the endpoints that it offers to programs."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, timeout=PATIENCE_S)

    def upload(self, files: Sequence[bytes | Path]) -> list[dict[str, Any]]:
        paths: list[str] = []
        for file in files:
            content = file if isinstance(file, bytes) else file.read_bytes()
            paths += self.post("gradio_api/upload", files={"files": ("photo.jpg", content)}).raise_for_status().json()
        return [{"path": path, "orig_name": "photo.jpg", "meta": {"_type": "gradio.FileData"}} for path in paths]

    def ask(self, endpoint: str, *data: Any) -> str:
        """The last event of an endpoint's answer. Raises RuntimeError for a refusal."""
        sent = self.post(f"gradio_api/call/{endpoint}", json={"data": data}).raise_for_status().json()
        reply = self.get(f"gradio_api/call/{endpoint}/{sent['event_id']}").text
        last = reply.rpartition("event: ")[2]
        if not last.startswith("complete"):
            raise RuntimeError(f"{endpoint}: {last[:300]}")
        return last

    def press(self, handler: str, *data: Any) -> str:
        """The last message of an event that only the page has."""
        functions = self.get("config").json()["dependencies"]
        number = next(one["id"] for one in functions if one["api_name"] == handler)
        session = f"visitor{next(_numbers)}"
        sent = {"data": data, "fn_index": number, "session_hash": session}
        self.post("gradio_api/queue/join", json=sent).raise_for_status()
        reply = self.get("gradio_api/queue/data", params={"session_hash": session}).text
        if '"success":true' not in reply.rpartition('"process_completed"')[2]:
            raise RuntimeError(f"{handler}: {reply[-500:]}")
        return reply

    def classify(self) -> float:
        """Seconds until a photograph that nobody asked about before is classified, its upload included."""
        photograph = new_photograph()
        began = time.monotonic()
        (image,) = self.upload([photograph])
        self.ask("classify", image, "cat, dog, car, tree", "a photo of a {}", "softmax", "embedded")
        return time.monotonic() - began


def new_photograph() -> bytes:
    """A JPEG of one of the bundled pictures, cut as it was not before, so that no cache knows it."""
    number = next(_numbers)
    with Image.open(PICTURES[number * 37 % len(PICTURES)]) as image:
        image = image.convert("RGB")
        left, top = 1 + number % 31, 1 + number // 31 % 31
        image = image.crop((left, top, image.width, image.height))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


class Crowd:
    """Visitors who classify one photograph after the other, without a pause, until the block ends."""

    def __init__(self, url: str, visitors: int) -> None:
        self.seconds: list[float] = []  # of all answers; a failed one is an error of the whole
        self._errors: list[Exception] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=(url,)) for _ in range(visitors)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _visit(self, url: str) -> None:
        try:
            with Visitor(url) as visitor:
                while True:
                    self.seconds.append(visitor.classify())
                    if self._stop.is_set():
                        break
        except Exception as error:
            self._errors.append(error)


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """n, median, 95th percentile and longest, in seconds."""
    ordered = sorted(seconds)
    p95 = statistics.quantiles(ordered, n=20, method="inclusive")[-1] if len(ordered) > 1 else ordered[0]
    return {"n": len(ordered), "p50": statistics.median(ordered), "p95": p95, "longest": ordered[-1]}


def told(name: str, figures: dict[str, float]) -> str:
    """A line of a benchmark's report."""
    return f"{name:34} " + "  ".join(f"{key} {value:,.4g}" for key, value in figures.items())


def write_json(path: Path | None, figures: Any) -> None:
    if path:
        path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
