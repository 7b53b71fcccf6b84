# SPDX-License-Identifier: Apache-2.0

"""A toy model for the engine."""

import time
from dataclasses import dataclass, field

import torch

MB = 2**20
OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


@dataclass
class Toy:
    """Doubles numbers. `room` is the longest batch that fits its memory; `jobs` counts who is inside."""

    nbytes: int = 10 * MB
    room: int = 1000
    seen: list = field(default_factory=list)
    jobs: int = 0
    most_jobs: int = 0

    def double(self, items):
        self.jobs += 1
        self.most_jobs = max(self.most_jobs, self.jobs)
        time.sleep(0.002)
        self.jobs -= 1
        self.seen.append(len(items))
        if len(items) > self.room:
            raise OUT_OF_MEMORY
        return [2 * item for item in items]


def loads(toy):
    return lambda device, dtype: toy
