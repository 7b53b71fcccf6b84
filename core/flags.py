# SPDX-License-Identifier: Apache-2.0

"""The command line of the app: one function a group of flags. What they mean together is for core/settings.py."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.version import VERSION

FLAGS_VARIABLE = "VLM_LAB_FLAGS"  # flags for where nobody types a command, as on a Space; those of the command win


def parse(argv: Sequence[str], env: Mapping[str, str]) -> argparse.Namespace:
    """The flags of the environment and of the command. Exits with a usage message, as argparse does, when they make no sense."""
    parser = build_parser()
    try:
        flags = shlex.split(env.get(FLAGS_VARIABLE, ""))
    except ValueError as error:
        parser.error(f"{FLAGS_VARIABLE}: {error}")
    args = parser.parse_args([*flags, *argv])
    if args.models is not None and not args.models.is_dir():
        parser.error(f"--models {args.models}: there is no such folder")
    if not 0 <= args.port <= 65535:
        parser.error(f"--port {args.port}: a port lies between 0 and 65535")
    if args.pixels_mb < 1:
        parser.error(f"--pixels-mb {args.pixels_mb}: give at least 1")
    if args.upload_quota_mb is not None and args.upload_quota_mb < 1:
        parser.error(f"--upload-quota-mb {args.upload_quota_mb}: give at least 1")
    args.allow_host = tuple(args.allow_host)
    return args


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python app.py",
        description=f"VLM Lab {VERSION}: run, understand and fine-tune vision-language models in the browser.",
        epilog=f"The environment variable {FLAGS_VARIABLE} may hold flags too; those of the command win.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"VLM Lab {VERSION}")
    _add_address(parser)
    _add_programs(parser)
    _add_models(parser)
    _add_galleries(parser)
    _add_runs(parser)
    return parser


def _add_address(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("address")
    group.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 opens it to the network")
    group.add_argument("--port", type=int, default=7860, help="port to listen on")
    group.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name under which the lab may be asked, as behind a proxy; may be given several times. On a loopback host the lab answers to its own names only, elsewhere to any until one is given, and then to localhost besides",
    )
    group.add_argument(
        "--trust-proxy",
        default="",
        metavar="ADDRESSES",
        help="addresses or networks, with commas, of proxies whose X-Forwarded-For and X-Forwarded-Proto say who the visitor is; on a Space private networks by default",
    )
    group.add_argument(
        "--upload-quota-mb",
        type=int,
        default=None,
        metavar="MB",
        help="what one visitor, told apart by address, may upload in an hour; on a loopback host no limit by default, elsewhere 2000",
    )


def _add_programs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("programs")
    group.add_argument(
        "--mcp",
        action="store_true",
        help="offer every public endpoint as a tool of the Model Context Protocol, at /gradio_api/mcp/; needs the package mcp",
    )


def _add_models(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("models")
    group.add_argument(
        "--models",
        type=Path,
        metavar="FOLDER",
        help="offer the checkpoints in this folder too, one folder each (safetensors only)",
    )
    group.add_argument(
        "--profile",
        choices=("embedded", "hub"),
        default="embedded",
        help="the model that tabs start with: the embedded one, which needs no network, or a published checkpoint",
    )
    group.add_argument(
        "--device",
        choices=("auto", "cuda", "mps", "cpu"),
        default="auto",
        help="where models run; auto takes the fastest there is",
    )
    group.add_argument(
        "--memory-mb",
        type=int,
        default=8_000,
        help="weights kept loaded, in MB; the least recently used model goes first",
    )
    group.add_argument(
        "--figures",
        type=Path,
        metavar="FOLDER",
        help="where figures measured of models here are kept: on a loopback host, or where there is an admin page, by default a folder of the user's cache, elsewhere in memory",
    )
    group.add_argument("--cache-mb", type=int, default=512, help="embeddings kept in memory, in MB")
    group.add_argument(
        "--pixels-mb",
        type=int,
        default=512,
        help="full-size pixels that are decoded at once, in MB; others wait their turn",
    )


def _add_galleries(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("galleries")
    group.add_argument(
        "--galleries",
        default="",
        metavar="PLACE",
        help="folder or s3:// address where visitors may keep galleries; on a loopback host by default a folder of the user's cache ($XDG_CACHE_HOME, or ~/.cache), elsewhere nowhere",
    )
    group.add_argument(
        "--pictures",
        default="",
        metavar="FOLDER",
        help="where kept galleries' pictures lie: by default beside them, or, where those are at an s3:// address, in the user's cache; an s3:// address needs it when there are several replicas",
    )


def _add_runs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("training runs")
    group.add_argument(
        "--runs",
        type=Path,
        metavar="FOLDER",
        help="where training runs are kept, and their models found; where there is an admin page, by default a folder of the user's cache, elsewhere nowhere",
    )
