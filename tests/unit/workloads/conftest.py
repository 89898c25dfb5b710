"""What holds for every test of the workloads."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

LISTENERS = ("faster_whisper", "distillmos", "resemblyzer")


@pytest.fixture(scope="module", autouse=True)
def nobody_listens() -> Iterator[None]:
    """As without the extra ``quality``: the listeners take longer than a tiny training. Who wants them takes the
    entries out again."""
    with pytest.MonkeyPatch.context() as patch:
        for name in LISTENERS:
            patch.setitem(sys.modules, name, None)
        yield
