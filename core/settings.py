# SPDX-License-Identifier: Apache-2.0

"""The only reader of command-line flags and environment variables."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.version import VERSION

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PRIVATE_NETWORKS = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"  # where a Space's proxy stands
UPLOAD_QUOTA_MB = 2000
ADMIN_VARIABLE = (
    "VLM_LAB_ADMIN"  # the variable that holds the admin's password: flags can be read in lists of processes
)
FLAGS_VARIABLE = "VLM_LAB_FLAGS"  # flags for where nobody types a command, as on a Space; those of the command win


@dataclass(frozen=True)
class Settings:
    """How this process was started. Made once in app.py and handed down."""

    host: str = "127.0.0.1"
    port: int = 7860
    models: Path | None = None  # a folder of local checkpoints, one folder each
    profile: str = "embedded"  # which model the tabs start with: "embedded" or "hub"
    device: str = "auto"  # "auto", "cuda", "mps" or "cpu"
    galleries: str = ""  # where kept galleries live: a folder or an s3:// address; "" for nowhere
    pictures: str = ""  # the folder of their pictures; "" for a folder beside them
    runs: Path | None = None  # where training runs are kept; None for nowhere
    memory_mb: int = 8_000  # budget of resident model weights
    cache_mb: int = 512  # budget of cached embeddings
    pixels_mb: int = 512  # pixels decoded at once
    allow_host: tuple[str, ...] = ()  # names by which the lab may be asked besides its own
    trust_proxy: str = ""  # addresses or networks of proxies that say who the visitor is
    upload_quota_mb: int | None = None  # what one visitor may upload in an hour; None for no limit
    on_space: bool = False  # running as a Hugging Face Space
    zero_gpu: bool = False  # running on ZeroGPU, which lends a GPU for one call at a time
    admin_password: str = field(default="", repr=False)  # "" for none

    @property
    def on_loopback(self) -> bool:
        return self.host in LOOPBACK and not self.on_space

    @property
    def host_names(self) -> tuple[str, ...]:
        """The names by which the lab may be asked; () for any."""
        own = (*LOOPBACK, self.host) if self.on_loopback else ()
        return own + self.allow_host

    @property
    def admin_on(self) -> bool:
        """Whether training runs can be started from this app, by its admin."""
        return not self.why_no_admin

    @property
    def why_no_admin(self) -> str:
        """A sentence for people; "" where there is an admin page."""
        if self.zero_gpu:
            return "Training runs are off on ZeroGPU, which lends a GPU for one call at a time."
        if not self.on_loopback and not self.admin_password:
            return f"Training runs are off: others can reach this address, and {ADMIN_VARIABLE} holds no password for an admin."
        return ""

    @classmethod
    def from_args(cls, argv: Sequence[str] | None = None, env: Mapping[str, str] = os.environ) -> Settings:
        """Read the flags; exits with a usage message, as argparse does, when they make no sense."""
        parser = argparse.ArgumentParser(
            prog="python app.py",
            description=f"VLM Lab {VERSION}: run, understand and fine-tune vision-language models in the browser.",
            epilog=f"The environment variable {FLAGS_VARIABLE} may hold flags too; those of the command win.",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        parser.add_argument("--version", action="version", version=f"VLM Lab {VERSION}")
        where = parser.add_argument_group("address")
        where.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 opens it to the network")
        where.add_argument("--port", type=int, default=7860, help="port to listen on")
        where.add_argument(
            "--allow-host",
            action="append",
            default=[],
            metavar="NAME",
            help="a further name under which the lab may be asked, as behind a proxy; may be given several times. On a loopback host the lab answers to its own names only, elsewhere to any until one is given",
        )
        where.add_argument(
            "--trust-proxy",
            default="",
            metavar="ADDRESSES",
            help="addresses or networks, with commas, of proxies whose X-Forwarded-For and X-Forwarded-Proto say who the visitor is; on a Space private networks by default",
        )
        where.add_argument(
            "--upload-quota-mb",
            type=int,
            default=None,
            metavar="MB",
            help="what one visitor, told apart by address, may upload in an hour; on a loopback host no limit by default, elsewhere 2000",
        )
        what = parser.add_argument_group("models")
        what.add_argument(
            "--models",
            type=Path,
            metavar="FOLDER",
            help="offer the checkpoints in this folder too, one folder each (safetensors only)",
        )
        what.add_argument(
            "--profile",
            choices=("embedded", "hub"),
            default="embedded",
            help="the model that tabs start with: the embedded one, which needs no network, or a published checkpoint",
        )
        what.add_argument(
            "--device",
            choices=("auto", "cuda", "mps", "cpu"),
            default="auto",
            help="where models run; auto takes the fastest there is",
        )
        what.add_argument(
            "--memory-mb",
            type=int,
            default=8_000,
            help="weights kept loaded, in MB; the least recently used model goes first",
        )
        what.add_argument("--cache-mb", type=int, default=512, help="embeddings kept in memory, in MB")
        what.add_argument(
            "--pixels-mb",
            type=int,
            default=512,
            help="full-size pixels that are decoded at once, in MB; others wait their turn",
        )
        data = parser.add_argument_group("galleries")
        data.add_argument(
            "--galleries",
            default="",
            metavar="PLACE",
            help="folder or s3:// address where visitors may keep galleries; on a loopback host a folder of the user's cache by default, elsewhere nowhere",
        )
        data.add_argument(
            "--pictures",
            default="",
            metavar="FOLDER",
            help="where kept galleries' pictures lie, if not beside them; an s3:// address needs it when there are several replicas",
        )
        train = parser.add_argument_group("training runs")
        train.add_argument(
            "--runs",
            type=Path,
            metavar="FOLDER",
            help="where training runs are kept, and their models found; where there is an admin page, a folder of the user's cache by default, elsewhere nowhere",
        )
        try:
            flags = shlex.split(env.get(FLAGS_VARIABLE, ""))
        except ValueError as error:
            parser.error(f"{FLAGS_VARIABLE}: {error}")
        args = parser.parse_args([*flags, *(sys.argv[1:] if argv is None else argv)])
        if args.models is not None and not args.models.is_dir():
            parser.error(f"--models {args.models}: there is no such folder")
        if not 0 <= args.port <= 65535:
            parser.error(f"--port {args.port}: a port lies between 0 and 65535")
        if args.pixels_mb < 1:
            parser.error(f"--pixels-mb {args.pixels_mb}: give at least 1")
        if args.upload_quota_mb is not None and args.upload_quota_mb < 1:
            parser.error(f"--upload-quota-mb {args.upload_quota_mb}: give at least 1")
        args.allow_host = tuple(args.allow_host)
        settings = cls(
            **vars(args),
            on_space="SPACE_ID" in env,
            zero_gpu=bool(env.get("SPACES_ZERO_GPU")),
            admin_password=env.get(ADMIN_VARIABLE, ""),
        )
        if settings.on_space:  # a Space reaches the app through its container's own address
            settings = replace(settings, host="0.0.0.0", trust_proxy=settings.trust_proxy or PRIVATE_NETWORKS)
        if settings.upload_quota_mb is None and not settings.on_loopback:
            settings = replace(settings, upload_quota_mb=UPLOAD_QUOTA_MB)
        own = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vlm-lab"
        if not settings.galleries and settings.on_loopback:
            settings = replace(settings, galleries=str(own / "galleries"))
        if settings.runs is None and settings.admin_on:
            settings = replace(settings, runs=own / "runs")
        if settings.galleries and not settings.pictures:
            local = "://" not in settings.galleries
            beside = Path(settings.galleries).expanduser() if local else Path.home() / ".cache" / "vlm-lab"
            settings = replace(settings, pictures=str(beside / "pictures"))
        return settings
