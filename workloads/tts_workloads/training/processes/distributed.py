"""The processes that train together: this process's place among them, what they agree on, and how the loss of one is
recognised."""

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
"""How long a collective operation waits for a peer before it is given up as lost."""

CPU = torch.device("cpu")
T = TypeVar("T")

# What gloo, NCCL and the store say when a peer is gone; they have no exception of their own for it in every version.
LOST_PEER = re.compile(
    r"gloo|nccl|connection (?:closed|reset|refused)|broken pipe|timed? ?out|remote (?:peer|process)|socket|TCPStore",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class World:
    """This process among those that train together; alone, nothing is ever communicated."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def leads(self) -> bool:
        """Whether this process saves, measures and reports for all."""
        return self.rank == 0

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Whether each flag is set in any process: all get the same answers at the same step."""
        if self.size == 1:
            return flags
        numbers = torch.tensor(flags, dtype=torch.float32)
        dist.all_reduce(numbers, op=dist.ReduceOp.MAX)
        return tuple(number > 0 for number in numbers.tolist())

    def from_leader(self, value: T) -> T:
        """The leader's value, in every process."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def parallel(self, model: nn.Module) -> nn.Module:
        """The model with gradients averaged over all processes."""
        if self.size == 1:
            return model
        return DistributedDataParallel(
            model, device_ids=[self.device.index] if self.device.type == "cuda" else None, find_unused_parameters=True
        )


def own_device() -> torch.device:
    """The device that this process trains on: the GPU of its number on this node (LOCAL_RANK), or the CPU."""
    if not torch.cuda.is_available():
        return CPU
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def join() -> World:
    """Meet the other processes, as the launcher's environment says (RANK, WORLD_SIZE, MASTER_ADDR, ...)."""
    device, size = own_device(), int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World(device=device)
    # Flags and names travel as CPU tensors, which NCCL cannot carry.
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    return World(dist.get_rank(), dist.get_world_size(), device)


def leave() -> None:
    """Close the connections to the other processes, if there are any."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def is_lost_peer(error: BaseException) -> bool:
    """Whether the error says that another process is gone, and not that this one is wrong."""
    if not (dist.is_available() and dist.is_initialized()):
        return False
    if isinstance(error, dist.DistError):
        return True
    return isinstance(error, RuntimeError) and LOST_PEER.search(str(error)) is not None
