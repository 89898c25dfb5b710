"""The numbers of a step on their way from the device to the host. The host reads them while the device computes the
next step, so that neither waits for the other."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Reading:
    """The scalars of one step."""

    def __init__(self, scalars: Mapping[str, Tensor]) -> None:
        """``scalars`` are tensors without dimensions, all on one device."""
        self._names = list(scalars)
        on_device = torch.stack([scalar.detach().float() for scalar in scalars.values()])
        # A copy from a GPU goes to pinned memory; it is complete when the event has happened.
        self._values = on_device.to("cpu", non_blocking=True)
        self._arrived: torch.cuda.Event | None = None
        if on_device.is_cuda:
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record()  # type: ignore[no-untyped-call]

    def read(self) -> dict[str, float]:
        """The numbers by name. Waits until they have arrived."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return dict(zip(self._names, self._values.tolist(), strict=True))
