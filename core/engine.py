# SPDX-License-Identifier: Apache-2.0

"""Where models run: one device, one loading at a time, one batch at a time, a budget of memory.

The queue of a web page is no lock: cancelling a job there frees its slot while its thread runs on. So the
engine has a gate of its own, and every piece of device work passes it through `Engine.call` or `Engine.map`.
On a ZeroGPU Space the function behind the gate is what `spaces.GPU` decorates.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from core.cache import ArrayCache
from core.device import Device, is_out_of_memory, pick_device
from core.errors import UserError, check_stop
from core.fifo import FifoSemaphore
from core.settings import Settings

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

OnStep = Callable[[int, int], None]  # (done, total)
Key = tuple[str, str]  # a model's name and its weights' revision
HOLD_S = 0.25  # seconds that a batch of a long job may take, so that others are served between two of them


class Resident(Protocol):
    """What the engine keeps: anything that knows its size in bytes."""

    @property
    def nbytes(self) -> int: ...


Load = Callable[["torch.device", "torch.dtype"], Resident]


@dataclass
class _Slot:
    model: Resident
    users: int = 0


class Engine:
    """Resident models behind a gate. Share one for each process; every method may be called from any thread.

    What is guaranteed to somebody who comes with one item:

    - The gate serves in the order of arrival: each job that is under way passes it at most once before him.
    - A batch of `map` is sized by how long the same model and method took before, so that it holds the gate for about
      HOLD_S; the first batch ever is one item, and a batch is at most twice the one before. A single item is never divided:
      one that takes longer holds the gate for as long as it takes.
    - Models that are loaded already are served while another is loaded; only loads wait for each other. That holds in
      float32, so on a processor. Where models run in half precision, loading is behind the gate: transformers changes
      torch's default dtype for the whole process while it builds one. On ZeroGPU it is, too: there a model is loaded in the
      process that the GPU is lent to. And a model that was evicted while its user stood at the gate, because more are
      wanted at once than the budget has room for, is loaded again behind it.

    `clock` gives seconds.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.perf_counter) -> None:
        self.budget = settings.memory_mb * 2**20
        self.cache = ArrayCache(settings.cache_mb * 2**20)
        self._settings = settings
        self._clock = clock
        self._device: Device | None = None
        self._slots: OrderedDict[Key, _Slot] = OrderedDict()
        self._sizes: dict[tuple[Key, str], int] = {}  # how many items of a model's method take HOLD_S
        self._loading = threading.Lock()  # building a model patches state of the whole process
        self._state = threading.Lock()  # guards _slots
        self._gate = FifoSemaphore(1)  # one batch on the device
        self._on_device = _gpu_boundary(self._invoke)

    @property
    def device(self) -> Device:
        if self._device is None:
            self._device = pick_device(self._settings.device)
        return self._device

    @property
    def resident(self) -> list[Key]:
        """Keys of the loaded models, least recently used first."""
        with self._state:
            return list(self._slots)

    def call(self, key: Key, load: Load, method: str, *args: Any) -> Any:
        """`model.method(*args)` on the device, alone. Arguments and result must pickle (ZeroGPU forks).

        Raises UserError when memory runs out.
        """
        try:
            return self._alone(key, load, method, args)[0]
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        self.free_memory()
        raise UserError("The device ran out of memory. Use fewer or smaller pictures, or a smaller model.")

    def map(
        self,
        key: Key,
        load: Load,
        method: str,
        items: Sequence[Any],
        most: int,
        on_step: OnStep | None = None,
        stop: threading.Event | None = None,
        given: tuple[Any, ...] = (),
        after: tuple[Any, ...] = (),
    ) -> Iterator[Any]:
        """`model.method(*given, items, *after)` in batches of at most `most`, yielding each batch's result.

        When memory runs out the batch is halved, once; then UserError. Raises Stopped between batches, and while it waits
        for its turn, once `stop` is set. The gate is free between batches: see the class.
        """
        done, halved = 0, False
        while done < len(items):
            check_stop(stop)
            size = min(most, self._sizes.get((key, method), 1))
            part = items[done : done + size]
            outcome = None
            try:
                outcome = self._alone(key, load, method, (*given, part, *after), stop)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            if outcome is None:  # outside the block above: the traceback pins the tensors that filled the memory
                self.free_memory()
                if halved or len(part) == 1:
                    raise UserError(
                        "The device ran out of memory, with a smaller batch too. Use fewer or smaller pictures, or a smaller model."
                    )
                most, halved = max(1, len(part) // 2), True
                continue
            result, seconds = outcome
            fitting = int(len(part) * HOLD_S / max(seconds, 1e-6))
            self._sizes[key, method] = max(1, min(fitting, 2 * size))
            done += len(part)
            if on_step:
                on_step(done, len(items))
            yield result

    @contextmanager
    def lease(self, key: Key, load: Load) -> Iterator[Any]:
        """The model, loaded if need be, and safe from eviction until the block ends."""
        slot = self._taken(key)
        if slot is None:
            with self._loading:
                slot = self._taken(key)  # others may have loaded it meanwhile
                if slot is None:
                    slot = _Slot(self._load(load), users=1)
                    with self._state:
                        self._slots[key] = slot
        try:
            self._evict(self.budget)
            yield slot.model
        finally:
            with self._state:
                slot.users -= 1

    def unload(self, key: Key) -> bool:
        """Drop a model nobody is using; False if it is in use or not loaded."""
        with self._state:
            if key not in self._slots or self._slots[key].users:
                return False
            del self._slots[key]
        self.free_memory()
        return True

    def free_memory(self) -> None:
        log.info("giving back memory that nothing uses")
        gc.collect()
        if self._device is not None and self._device.name != "cpu":
            import torch

            getattr(torch, self._device.name).empty_cache()

    def _alone(
        self, key: Key, load: Load, method: str, args: tuple[Any, ...], stop: threading.Event | None = None
    ) -> tuple[Any, float]:
        """The result, and the seconds behind the gate."""
        if not self._settings.zero_gpu and self.device.dtype == "float32":
            with self.lease(key, load):
                pass  # loaded, so that nobody waits for that at the gate
        with self._gate.hold(stop=stop):
            began = self._clock()
            result = self._on_device(key, load, method, *args)
            return result, self._clock() - began

    def _taken(self, key: Key) -> _Slot | None:
        """The slot, with one user more, if the model is loaded."""
        with self._state:
            slot = self._slots.get(key)
            if slot is not None:
                slot.users += 1
                self._slots.move_to_end(key)
            return slot

    def _invoke(self, key: Key, load: Load, method: str, *args: Any) -> Any:
        import torch

        with self.lease(key, load) as model, torch.inference_mode():
            return getattr(model, method)(*args)

    def _load(self, load: Load) -> Resident:
        """Load, and once more with everything unused dropped if memory ran out."""
        import torch

        device, dtype = torch.device(self.device.name), getattr(torch, self.device.dtype)
        for attempt in (1, 2):
            try:
                return load(device, dtype)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            self._evict(0)
            self.free_memory()
            if attempt == 2:
                break
        raise UserError("There is not enough memory to load this model. Choose a smaller one.")

    def _evict(self, budget: int) -> None:
        with self._state:
            used = sum(slot.model.nbytes for slot in self._slots.values())
            for key in [key for key, slot in self._slots.items() if not slot.users]:
                if used <= budget:
                    break
                used -= self._slots.pop(key).model.nbytes


def _gpu_boundary(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate with `spaces.GPU` where that package is installed (Hugging Face ZeroGPU)."""
    try:
        import spaces
    except ImportError:
        return function
    decorated: Callable[..., Any] = spaces.GPU(function)
    return decorated
