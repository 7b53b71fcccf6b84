# SPDX-License-Identifier: Apache-2.0

"""Reading weights from a folder of safetensors."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.device import is_out_of_memory
from core.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

log = logging.getLogger(__name__)


def from_folder(model_class: Any, path: Path, dtype: torch.dtype) -> Any:
    """`model_class.from_pretrained` on a local folder: safetensors only, no remote code, no network.

    Raises UserError when the weights are of another format, are damaged, or do not fill the model; what memory that ran
    out raises passes through, for the engine to make room.
    """
    if not list(path.glob("*.safetensors")):
        raise UserError(
            f"The model in {model_name(path)!r} has no safetensors weights. Pickled weights (.bin, .pt) are never loaded, because they can run code: convert them with save_pretrained first."
        )
    hide_progress()
    try:
        model, found = model_class.from_pretrained(
            path,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:
        if is_out_of_memory(error):
            raise
        log.warning("%s is not loaded as a %s", model_name(path), model_class.__name__, exc_info=True)
        raise UserError(
            f"The model in {model_name(path)!r} cannot be read as a {model_class.__name__}: its files are damaged, or of another model. Save it again, or choose another."
        ) from None
    missing = {name for name, _ in model.named_parameters()} & set(found["missing_keys"])
    if missing:  # transformers would go on with random numbers in their place
        raise UserError(
            f"The model in {model_name(path)!r} lacks {len(missing)} weights of a {model_class.__name__}, such as {min(missing)}. Choose another."
        )
    return model


def model_name(path: Path) -> str:
    """What a person calls the checkpoint: its id where the folder is a snapshot in the hub's cache, which a commit names."""
    if path.parent.name == "snapshots":
        return path.parents[1].name.removeprefix("models--").replace("--", "/")
    return path.name


def hide_progress() -> None:
    """No progress bar in the terminal for reading weights from the disk: a server's log is no place for one."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def unit(vectors: Tensor) -> Tensor:
    """Unit norm along the last axis, float32, on the CPU."""
    import torch

    return torch.nn.functional.normalize(vectors.float(), dim=-1).cpu()


def weight_bytes(*modules: Any) -> int:
    """Bytes of the parameters of `torch.nn` modules."""
    return sum(p.numel() * p.element_size() for module in modules for p in module.parameters())
