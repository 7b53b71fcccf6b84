# SPDX-License-Identifier: Apache-2.0

"""Train from the shell, as the page does.

  python -m core.training RUN_DIR                      run it, or go on with it
  python -m core.training new RUN_DIR --objective contrastive --data gallery --set steps=200
  python -m core.training list                         objectives and their settings
  accelerate launch -m core.training RUN_DIR           on several GPUs or machines

`python -m core.training COMMAND --help` explains each command's flags.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.data.store import Store
from core.errors import UserError
from core.models.family import EMBEDDED
from core.settings import Settings

COMMANDS = ("run", "new", "list")


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 where it failed, with the reason printed."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given and given[0] not in (*COMMANDS, "-h", "--help"):
        given.insert(0, "run")
    args = _parser().parse_args(given)
    try:
        return int(args.do(args))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m core.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a folder, or go on with it; the word may be left out")
    run.add_argument("folder", type=Path, metavar="RUN_DIR", help="folder that `new` or the page laid out")
    run.add_argument(
        "--device", choices=("auto", "cuda", "mps", "cpu"), default="auto", help="where to train; auto: the fastest"
    )
    run.add_argument(
        "--threads", type=int, metavar="N", help="threads to compute with on a processor (default: one a core)"
    )
    run.add_argument("--models", type=Path, metavar="FOLDER", help="folder of local checkpoints to start from, too")
    run.set_defaults(do=_run)
    new = commands.add_parser("new", help="lay out a folder for a run, with its data checked")
    new.add_argument("folder", type=Path, metavar="RUN_DIR", help="folder to make; it must not be there yet")
    new.add_argument("--objective", required=True, metavar="NAME", help="what to train; `list` tells what there is")
    new.add_argument(
        "--data",
        default="gallery",
        metavar="SOURCE",
        help="gallery, gallery:NAME, scenes, zip or hub:ID (default: gallery)",
    )
    new.add_argument("--file", type=Path, metavar="ZIP", help="the archive, where --data is zip")
    new.add_argument(
        "--rows", type=int, metavar="N", help="examples to make or fetch, where --data is scenes or hub:ID"
    )
    new.add_argument(
        "--galleries", default="", metavar="PLACE", help="where kept galleries live, where --data is gallery:NAME"
    )
    new.add_argument(
        "--base", default=EMBEDDED, metavar="MODEL", help=f"checkpoint to train further (default: {EMBEDDED})"
    )
    new.add_argument("--name", default="", help="what the model will be called in the lab (default: the folder's)")
    new.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the objective; may be repeated"
    )
    new.set_defaults(do=_new)
    commands.add_parser("list", help="tell the objectives and their settings").set_defaults(do=_list)
    return parser


def _run(args: argparse.Namespace) -> int:
    from core.training.run_folder import RunFolder

    folder = RunFolder(args.folder)
    folder.request()  # before torch is imported: a wrong folder is told at once
    import torch

    from core.training.failures import DISK_FULL, DISK_FULL_STATUS, is_disk_full
    from core.training.trainer.run import execute

    if args.threads is not None:
        if args.threads < 1:
            raise UserError("--threads wants a whole number of at least 1.")
        torch.set_num_threads(args.threads)
    try:
        print(execute(folder, args.device, args.models))
    except Exception as error:
        if not is_disk_full(error):
            raise
        logging.getLogger(__name__).exception("the run could not write")
        print(DISK_FULL, file=sys.stderr)
        return DISK_FULL_STATUS  # for who started it: the folder may have no room for this word
    return 0


def _new(args: argparse.Namespace) -> int:
    from core.training import OBJECTIVES
    from core.training.data.check import check
    from core.training.data.loading import load
    from core.training.request import Request, prepare, source_of
    from core.training.run_folder import RunFolder

    settings = dict(_setting(text) for text in args.set)
    request = Request(args.objective, args.data, settings, args.base, args.name or args.folder.name)
    source = source_of(request, args.file, args.rows)
    with tempfile.TemporaryDirectory(prefix="vlm-lab-data-") as made:
        examples = load(source, Path(made), _store(args.galleries))
        print(check(examples, OBJECTIVES.get(request.objective)).summary())
        RunFolder(args.folder).lay_out(prepare(request, examples))
    print(f"Now: python -m core.training {args.folder}")
    return 0


def _store(place: str) -> Store | None:
    """The kept galleries that the lab itself would offer."""
    settings = Settings.from_args(["--galleries", place] if place else [])
    return Store(settings.galleries, Path(settings.pictures)) if settings.galleries else None


def _setting(text: str) -> tuple[str, Any]:
    name, given, value = text.partition("=")
    if not given:
        raise UserError(f"--set wants NAME=VALUE, not {text!r}.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # a word


def _list(args: argparse.Namespace) -> int:
    from core.training import all_objectives

    for objective in all_objectives():
        print(f"{objective.name}: {objective.title}\n  reads: {', '.join(objective.needs)}")
        for field in dataclasses.fields(objective.Config):
            print(f"  {field.name}={field.default}  {field.metadata['help']}{_range(field.metadata)}")
    return 0


def _range(limits: Any) -> str:
    if limits["of"]:
        return f" ({', '.join(limits['of'])})"
    return f" ({limits['low']} to {limits['high']})" if limits["low"] is not None else ""


if __name__ == "__main__":
    sys.exit(main())
