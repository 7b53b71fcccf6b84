# SPDX-License-Identifier: Apache-2.0

import pytest

from core.errors import UserError
from core.registry import Registry


def test_a_duplicate_raises_and_an_unknown_name_lists_the_known():
    registry = Registry("shape")
    registry.register("circle", 1)
    registry.register("square", 2)
    with pytest.raises(ValueError, match="'circle' is registered twice"):
        registry.register("circle", 3)
    with pytest.raises(UserError, match=r"no shape called 'star'.*circle, square"):
        registry.get("star")
    with pytest.raises(UserError):
        registry.get(["a list", "cannot be a name"])
    assert registry.get("square") == 2
