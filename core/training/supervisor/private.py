# SPDX-License-Identifier: Apache-2.0

"""What a run must never see or show: tokens, passwords and keys of the environment it was started from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|ACCESS_KEY|^AWS_|^VLM_LAB_ADMIN$", re.IGNORECASE)
HARMLESS = ("TOKENIZERS_PARALLELISM",)
SHORTEST = 6  # characters; what is shorter is no secret, and would blot out ordinary words


def without_secrets(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for a process that needs none of them."""
    return {name: value for name, value in env.items() if not _secret(name)}


def redacted(text: str, env: Mapping[str, str] = os.environ) -> str:
    """`text` without the values of this process's secrets."""
    for value in sorted({env[name] for name in env if _secret(name)}, key=len, reverse=True):
        if len(value) >= SHORTEST:
            text = text.replace(value, "***")
    return text


def _secret(name: str) -> bool:
    return bool(SECRET.search(name)) and name not in HARMLESS
