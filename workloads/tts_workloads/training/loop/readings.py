"""A step's numbers on their way from the device to the host, which reads them while the device computes the next step:
neither ever waits for the other."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Reading:
    """Scalars of one step."""

    def __init__(self, scalars: Mapping[str, Tensor]) -> None:
        """``scalars`` are tensors of no dimension, all on one device."""
        self._names = list(scalars)
        on_device = torch.stack([scalar.detach().float() for scalar in scalars.values()])
        # From a GPU this lands in pinned memory, and is there when the event has happened.
        self._values = on_device.to("cpu", non_blocking=True)
        self._arrived: torch.cuda.Event | None = None
        if on_device.is_cuda:
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record()  # type: ignore[no-untyped-call]

    def read(self) -> dict[str, float]:
        """The numbers by name; waits for them."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return dict(zip(self._names, self._values.tolist(), strict=True))
