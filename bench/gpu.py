"""``flow_batch`` on a GPU: pairs per second at 256 × 256, and its memory traffic against the card's bandwidth."""

import time
from collections.abc import Callable, Iterable
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench import pairs
from deft.motion import tvl1

SEED = 2026
BATCH, ROUNDS = 512, 8
COPY_BYTES = 2**30


class Traffic(TorchDispatchMode):
    """Counts the bytes that operations read and write, each tensor once per operation, as if uncached."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.bytes += _size(tree_leaves((args, kwargs, out)))
        return out

    def counted(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        """Return a kernel that also counts its arguments, for kernels that torch does not dispatch."""

        def counting_kernel(*arguments: Any) -> Any:
            self.bytes += _size(arguments)
            return kernel(*arguments)

        return counting_kernel


def _size(values: Iterable[Any]) -> int:
    """Return the bytes of all tensors among the values."""
    return sum(value.numel() * value.element_size() for value in values if isinstance(value, Tensor))


def figures() -> dict[str, Any]:
    """Return the card's name, pairs per second, the largest difference from the CPU's flow in px, and the traffic.

    ``of_bandwidth`` is the `Traffic` per second divided by the bytes per second of a plain copy.
    """
    from deft.motion import fused  # Triton comes with torch's CUDA build

    made = pairs.make(SEED, rendered=8, rounds=1)
    batch = [made[index % len(made)] for index in range(BATCH)]
    references = torch.from_numpy(np.stack([pair.reference for pair in batch])).cuda()  # (BATCH, 256, 256)
    targets = torch.from_numpy(np.stack([pair.target for pair in batch])).cuda()
    flows = tvl1.flow_batch(references, targets, "cuda").numpy(force=True)  # compiles
    flows_on_cpu = [tvl1.flow(pair.reference, pair.target) for pair in made]
    per_s = BATCH / _seconds(lambda: tvl1.flow_batch(references, targets, "cuda"))
    source = torch.empty(COPY_BYTES, dtype=torch.uint8, device="cuda")
    copied_per_s = 2 * COPY_BYTES / _seconds(source.clone)
    difference_px = float(np.linalg.norm(flows[: len(made)] - flows_on_cpu, axis=-1).max())
    traffic = Traffic()
    with (
        mock.patch.object(fused, "tensors", traffic.counted(fused.tensors)),
        mock.patch.object(fused, "relax", traffic.counted(fused.relax)),
        traffic,
    ):
        tvl1.flow_batch(references, targets, "cuda")
    return {
        "card": torch.cuda.get_device_name(),
        "pairs_per_s": round(per_s),
        "furthest_from_cpu_px": round(difference_px, 5),
        "mb_per_pair": round(traffic.bytes / BATCH / 1e6, 2),
        "copy_gb_per_s": round(copied_per_s / 1e9),
        "of_bandwidth": round(traffic.bytes / BATCH * per_s / copied_per_s, 3),
    }


def _seconds(work: Callable[[], Any]) -> float:
    """Return the mean seconds of a call, after one to warm up."""
    work()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / ROUNDS
