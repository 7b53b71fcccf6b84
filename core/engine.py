"""Where models run: one device, one loading at a time, one job at a time, a budget of memory.

The queue of a web page is no lock: cancelling a job there frees its slot while its thread runs on. So the
engine has a gate of its own, and every piece of device work enters through `Engine.call` or `Engine.map`.
On a ZeroGPU Space the same door is what `spaces.GPU` decorates.
"""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from core.cache import ArrayCache
from core.errors import Stopped, UserError
from core.settings import Settings

if TYPE_CHECKING:
    import torch

OnStep = Callable[[int, int], None]  # (done, total)
Key = tuple[str, str]  # a model's name and its weights' revision


class Resident(Protocol):
    """What the engine keeps: anything that knows its size in bytes."""

    @property
    def nbytes(self) -> int: ...


Load = Callable[["torch.device", "torch.dtype"], Resident]


@dataclass
class _Slot:
    model: Resident
    users: int = 0


@dataclass(frozen=True)
class Device:
    """`why` is a sentence for the visitor."""

    name: str
    dtype: str
    why: str


def pick_device(wanted: str) -> Device:
    """cuda, then mps, then cpu; bfloat16 or float16 on a GPU, float32 elsewhere.

    A CPU keeps float32: bfloat16 was nine times slower without AMX, and one answer on every machine is
    worth more than the speed on the few that have it. Raises UserError if `wanted` is not there.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    there = {"cuda": cuda, "mps": mps, "cpu": True}
    if wanted != "auto" and not there[wanted]:
        raise UserError(f"--device {wanted}: there is none on this machine. Leave the flag out to use what there is.")
    name = wanted if wanted != "auto" else next(kind for kind in there if there[kind])
    if name == "cuda":
        half = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        return Device("cuda", half, f"{torch.cuda.get_device_name()} was found; models run there in {half}.")
    if name == "mps":
        return Device("mps", "float16", "An Apple GPU was found; models run there in float16.")
    reason = "was asked for" if wanted == "cpu" else "is used: no GPU was found"
    return Device("cpu", "float32", f"The processor {reason}; models run in float32.")


class Engine:
    """Resident models behind a gate. Share one for each process; every method may be called from any thread."""

    def __init__(self, settings: Settings) -> None:
        self.budget = settings.memory_mb * 2**20
        self.cache = ArrayCache(settings.cache_mb * 2**20)
        self._wanted = settings.device
        self._device: Device | None = None
        self._slots: OrderedDict[Key, _Slot] = OrderedDict()
        self._loading = threading.Lock()  # building a model patches state of the whole process
        self._state = threading.Lock()  # guards _slots
        self._gate = threading.Lock()  # one job on the device
        self._on_device = _gpu_boundary(self._invoke)

    @property
    def device(self) -> Device:
        if self._device is None:
            self._device = pick_device(self._wanted)
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
            return self._alone(key, load, method, *args)
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
        batch: int,
        on_step: OnStep | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Any]:
        """`model.method(items)` in batches, yielding each batch's result.

        When memory runs out the batch is halved, once; then UserError. `stop` is looked at between
        batches and raises Stopped. The gate is free between batches, so a long job does not starve others.
        """
        done, halved = 0, False
        while done < len(items):
            if stop is not None and stop.is_set():
                raise Stopped
            part = items[done : done + batch]
            try:
                result = self._alone(key, load, method, part)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                result = None  # go on outside this block: the traceback pins the tensors that filled the memory
            if result is None:
                self.free_memory()
                if halved or len(part) == 1:
                    raise UserError(
                        "The device ran out of memory, with a smaller batch too. Use fewer or smaller pictures, or a smaller model."
                    )
                batch, halved = max(1, len(part) // 2), True
                continue
            done += len(part)
            if on_step:
                on_step(done, len(items))
            yield result

    @contextmanager
    def lease(self, key: Key, load: Load) -> Iterator[Any]:
        """The model, loaded if need be, and safe from eviction until the block ends."""
        with self._loading:
            with self._state:
                slot = self._slots.get(key)
            if slot is None:
                slot = _Slot(self._load(load))
            with self._state:
                slot.users += 1
                self._slots[key] = slot
                self._slots.move_to_end(key)
            self._evict(self.budget)
        try:
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
        gc.collect()
        if self._device is not None and self._device.name != "cpu":
            import torch

            getattr(torch, self._device.name).empty_cache()

    def _alone(self, key: Key, load: Load, method: str, *args: Any) -> Any:
        with self._gate:
            return self._on_device(key, load, method, *args)

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


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA raises a class of its own; MPS and the CPU allocator a RuntimeError with words in it."""
    import torch

    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
    )


def _gpu_boundary(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate with `spaces.GPU` where that package is installed (Hugging Face ZeroGPU)."""
    try:
        import spaces
    except ImportError:
        return function
    decorated: Callable[..., Any] = spaces.GPU(function)
    return decorated
