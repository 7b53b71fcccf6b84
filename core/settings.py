# SPDX-License-Identifier: Apache-2.0

"""The only reader of command-line flags and environment variables."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.flags import parse

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PRIVATE_NETWORKS = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"  # where a Space's proxy stands
UPLOAD_QUOTA_MB = 2000
ADMIN_VARIABLE = (
    "VLM_LAB_ADMIN"  # the variable that holds the admin's password: flags can be read in lists of processes
)


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
    figures: Path | None = None  # where what was measured of models here is kept; None for in memory
    memory_mb: int = 8_000  # budget of resident model weights
    cache_mb: int = 512  # budget of cached embeddings
    pixels_mb: int = 512  # pixels decoded at once
    allow_host: tuple[str, ...] = ()  # names by which the lab may be asked besides its own
    trust_proxy: str = ""  # addresses or networks of proxies that say who the visitor is
    upload_quota_mb: int | None = None  # what one visitor may upload in an hour; None for no limit
    mcp: bool = False  # whether programs may use the endpoints as tools of the Model Context Protocol
    on_space: bool = False  # running as a Hugging Face Space
    zero_gpu: bool = False  # running on ZeroGPU, which lends a GPU for one call at a time
    admin_password: str = field(default="", repr=False)  # "" for none

    @property
    def on_loopback(self) -> bool:
        return self.host in LOOPBACK and not self.on_space

    @property
    def host_names(self) -> tuple[str, ...]:
        """The names by which the lab may be asked; () for any. Those of loopback are always among them: by them Gradio asks
        whether it has started."""
        return (*LOOPBACK, self.host, *self.allow_host) if self.on_loopback or self.allow_host else ()

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
        args = parse(sys.argv[1:] if argv is None else argv, env)
        settings = cls(
            **vars(args),
            on_space="SPACE_ID" in env,
            zero_gpu=bool(env.get("SPACES_ZERO_GPU")),
            admin_password=env.get(ADMIN_VARIABLE, ""),
        )
        return _with_defaults(settings, cache_folder(env))


def _with_defaults(settings: Settings, folder: Path) -> Settings:
    """What was left open, by where the app runs. `folder` is the lab's in the user's cache."""
    if settings.on_space:  # a Space reaches the app through its container's own address
        settings = replace(settings, host="0.0.0.0", trust_proxy=settings.trust_proxy or PRIVATE_NETWORKS)
    if settings.upload_quota_mb is None and not settings.on_loopback:
        settings = replace(settings, upload_quota_mb=UPLOAD_QUOTA_MB)
    if not settings.galleries and settings.on_loopback:
        settings = replace(settings, galleries=str(folder / "galleries"))
    if settings.runs is None and settings.admin_on:
        settings = replace(settings, runs=folder / "runs")
    if settings.figures is None and (settings.on_loopback or settings.admin_on):
        settings = replace(settings, figures=folder / "figures")
    if settings.galleries and not settings.pictures:
        local = "://" not in settings.galleries
        beside = Path(settings.galleries).expanduser() if local else folder
        settings = replace(settings, pictures=str(beside / "pictures"))
    return settings


def cache_folder(env: Mapping[str, str] = os.environ) -> Path:
    """The lab's folder in the user's cache: $XDG_CACHE_HOME/vlm-lab, or ~/.cache/vlm-lab where that variable is empty or no
    absolute path (XDG Base Directory Specification 0.8, which says to ignore relative ones)."""
    cache = Path(env.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "vlm-lab"
