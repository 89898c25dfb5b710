"""The start of the pods: what is found while no container runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.training.policies.start import Start

CANNOT_PULL = b.pod(phase="Pending", waiting=("ErrImagePull", "no such host"))


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([], "Progressing?Pending", id="no pod"),
        pytest.param([b.pod(phase="Pending", waiting=("", ""))], "Progressing=Starting", id="starts"),
        pytest.param([b.pod()], "", id="runs"),
        pytest.param([CANNOT_PULL], "Progressing!ImagePullFailed", id="image"),
        pytest.param([CANNOT_PULL, b.pod("b")], "Progressing!ImagePullFailed", id="one runs and one does not"),
        pytest.param(
            [b.pod(phase="Pending", waiting=("CreateContainerConfigError", "no secret"))],
            "Progressing!WorkloadFailed",
            id="container",
        ),
        pytest.param([b.pod(phase="Failed", exit_code=1)], "Progressing!WorkloadFailed", id="failed"),
        pytest.param([b.interrupted(1, 40)], "Progressing!Interrupted", id="interrupted"),
        pytest.param([b.pod(phase="Failed", exit_code=1), b.pod("b")], "", id="runs again"),
    ],
)
def test_what_is_found(pods: Any, expected: str) -> None:
    assert b.found(Start(), b.seen(b.training(), b.job(), *pods)) == expected
