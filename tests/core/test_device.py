# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from core.engine import Engine
from core.errors import UserError
from core.settings import Settings


def test_a_device_that_is_not_there():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(UserError, match="--device cuda"):
        _ = Engine(Settings(device="cuda")).device
