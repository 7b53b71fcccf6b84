# SPDX-License-Identifier: Apache-2.0

"""A task of one file: how alike two pictures are."""

from core.models.abilities import DualEncoder
from core.tasks import TASKS, Task

TASK = TASKS.register("likeness", Task("likeness", "how alike two pictures are", DualEncoder))


def likeness(models, name, first, second):
    vectors = models.embed_images(name, [first, second])
    return float(vectors[0] @ vectors[1])
