"""The processes that train together: the place of this process among them, what they agree on, and how it recognises
that another one is lost."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

TIMEOUT = timedelta(minutes=10)
"""How long a collective operation waits for a peer before the peer counts as lost."""

CPU = torch.device("cpu")
T = TypeVar("T")

# Messages of gloo, NCCL and the store when a peer is gone; not every version has an exception of its own for this.
LOST_PEER = re.compile(
    r"gloo|nccl|connection (?:closed|reset|refused)|broken pipe|timed? ?out|remote (?:peer|process)|socket|TCPStore",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class World:
    """The place of this process among those that train together. A single process never communicates."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def leads(self) -> bool:
        """Whether this process saves, measures and reports for all processes."""
        return self.rank == 0

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Whether each flag is set in any process. All processes get the same answers at the same step."""
        return tuple(number > 0 for number in self.highest(*map(float, flags)))

    def highest(self, *numbers: float) -> tuple[float, ...]:
        """The highest of each number among all processes. All processes get the same answers at the same step."""
        if self.size == 1:
            return numbers
        shared = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(shared, op=dist.ReduceOp.MAX)
        return tuple(shared.tolist())

    def from_leader(self, value: T) -> T:
        """The value of the leading process, returned in every process."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def parallel(self, model: nn.Module) -> nn.Module:
        """The module with its gradients averaged over all processes."""
        if self.size == 1:
            return model
        return DistributedDataParallel(
            model, device_ids=[self.device.index] if self.device.type == "cuda" else None, find_unused_parameters=True
        )


def own_device() -> torch.device:
    """The device that this process trains on: the GPU with the process's number on this node (LOCAL_RANK), or the
    CPU."""
    if not torch.cuda.is_available():
        return CPU
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def join() -> World:
    """Connect to the other processes, by the environment of the launcher (RANK, WORLD_SIZE, MASTER_ADDR, ...)."""
    device, size = own_device(), int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World(device=device)
    # Flags and names are sent as CPU tensors, which NCCL cannot send.
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    return World(dist.get_rank(), dist.get_world_size(), device)


def leave() -> None:
    """Close the connections to the other processes, if there are any."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def is_lost_peer(error: BaseException) -> bool:
    """Whether the error means that another process is gone, and not that this process is wrong."""
    if not (dist.is_available() and dist.is_initialized()):
        return False
    if isinstance(error, dist.DistError):
        return True
    return isinstance(error, RuntimeError) and LOST_PEER.search(str(error)) is not None
