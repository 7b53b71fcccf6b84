# SPDX-License-Identifier: Apache-2.0

"""Training beside serving: how long does a run take while visitors come, and how long do they wait? Prints a table;
`--json FILE` writes the figures.

    python -m benchmarks.beside

A contrastive run on the bundled gallery, as the admin page starts it with its default settings: alone, then while ten visitors
classify new photographs without a pause; and the ten without a run. What is asked: the run within 4 times its time alone, their
95th percentile within twice that without it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.serving import ADMIN, Crowd, Visitor, served, summary, told, write_json
from core.training.run_folder import CANCELLED, FAILED, FINISHED, INTERRUPTED

ENDED = (FINISHED, CANCELLED, FAILED, INTERRUPTED)


class Admin(Visitor):
    """Asks for training runs."""

    def sign_in(self) -> None:
        reply = self.post("sign-in", data={"password": ADMIN})
        assert reply.status_code == 303, reply.text

    def run(self, settings: dict[str, Any]) -> float:
        """Seconds from the start of a run to its end."""
        began = time.monotonic()
        answer = self.ask("runs_start", "contrastive", "gallery", json.dumps(settings), "benchmark", "embedded")
        (run,) = json.loads(answer.partition("data: ")[2])
        while True:
            (shown,) = json.loads(self.ask("runs_show", run).partition("data: ")[2])
            state = shown["state"] if "state" in shown else shown["status"]["state"]
            if state in ENDED:
                break
            time.sleep(1)
        if state != FINISHED:
            raise RuntimeError(f"The run {state}: {str(shown)[:1000]}")
        return time.monotonic() - began


def measured(visitors: int, seconds: float, settings: dict[str, Any]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with served() as lab, Admin(f"{lab.url}admin/") as admin:
        admin.sign_in()
        figures["run alone"] = {"seconds": admin.run(settings)}
        print(told("run alone", figures["run alone"]), flush=True)
        with Crowd(lab.url, visitors) as crowd:
            time.sleep(seconds)
        figures["visitors alone"] = summary(crowd.seconds)
        print(told(f"{visitors} visitors alone", figures["visitors alone"]), flush=True)
        with Crowd(lab.url, visitors) as crowd:
            took = admin.run(settings)
        figures["run beside"] = {"seconds": took, "/ alone": took / figures["run alone"]["seconds"]}
        print(told("run beside visitors", figures["run beside"]), flush=True)
        figures["visitors beside"] = summary(crowd.seconds)
        figures["visitors beside"]["p95 / alone"] = figures["visitors beside"]["p95"] / figures["visitors alone"]["p95"]
        print(told(f"{visitors} visitors beside a run", figures["visitors beside"]), flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60, help="of the visitors alone (default: 60)")
    parser.add_argument("--settings", type=json.loads, default={}, help="of the run, as JSON; by default the page's")
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    write_json(args.json, measured(args.visitors, args.seconds, args.settings))


if __name__ == "__main__":
    main()
