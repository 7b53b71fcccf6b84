# SPDX-License-Identifier: Apache-2.0

"""How long does a visitor wait beside others' long jobs? Prints a table; `--json FILE` writes the figures.

    python -m benchmarks.fairness

One visitor classifies a new photograph again and again: alone, then while another adds 200 pictures to a gallery of his own,
a third presses "Measure", and a fourth has 20 pictures captioned by every offline method. Jobs that end are started again, so
that all three run for the whole time. What is asked is the 95th percentile: below 5 times that alone.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.serving import Crowd, Visitor, new_photograph, served, summary, told, write_json

UPLOADED, CAPTIONED = 200, 20


def add_pictures(url: str) -> None:
    with Visitor(url) as visitor:
        files = visitor.upload([new_photograph() for _ in range(UPLOADED)])
        visitor.press("add_pictures", files, "embedded", None)


def measure(url: str) -> None:
    with Visitor(url) as visitor:
        visitor.ask("recall", "bundled", "embedded")


def compare_captions(url: str) -> None:
    with Visitor(url) as visitor:
        files = visitor.upload([new_photograph() for _ in range(CAPTIONED)])
        visitor.ask("caption_compare", None, files, ["ASIF", "MaGiC"])


class Jobs:
    """Runs each job in a thread, again and again until the block ends; how often each ended is in `ended`."""

    def __init__(self, url: str, jobs: list[Callable[[str], None]]) -> None:
        self.ended: dict[str, int] = {job.__name__: 0 for job in jobs}
        self.errors: list[Exception] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._again, args=(job, url), daemon=True) for job in jobs]

    def __enter__(self) -> Jobs:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()  # what runs is given up with the app

    def _again(self, job: Callable[[str], None], url: str) -> None:
        while not self._stop.is_set():
            try:
                job(url)
            except Exception as error:
                if not self._stop.is_set():
                    self.errors.append(error)
                return
            self.ended[job.__name__] += 1


def measured(seconds: float) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with served() as lab:
        with Crowd(lab.url, 1) as alone:
            time.sleep(seconds)
        figures["alone"] = summary(alone.seconds)
        print(told("alone", figures["alone"]), flush=True)
        everyone: list[Callable[[str], None]] = [add_pictures, measure, compare_captions]
        for jobs in (*([job] for job in everyone), everyone):
            name = " + ".join(job.__name__ for job in jobs)
            with Jobs(lab.url, jobs) as running, Crowd(lab.url, 1) as beside:
                time.sleep(seconds)
            if running.errors:
                raise running.errors[0]
            figures[name] = summary(beside.seconds)
            figures[name]["p95 / alone"] = figures[name]["p95"] / figures["alone"]["p95"]
            print(told(f"beside {name}", figures[name]), running.ended, flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="of each measurement (default: 60)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    write_json(args.json, measured(args.seconds))


if __name__ == "__main__":
    main()
