"""Every reason of the one list is given by somebody, and the documents speak of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tts_api.reasons import Reason

ROOT = Path(__file__).parents[3]
SOURCES = "\n".join(
    path.read_text()
    for folder in ("operator/tts_operator", "workloads/tts_workloads")
    for path in (ROOT / folder).rglob("*.py")
)
DOCUMENTS = (ROOT / "docs/reference.md").read_text()


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_given_by_somebody_and_explained_to_users(reason: Reason) -> None:
    assert re.search(rf"\bReason\.{reason.name}\b", SOURCES)
    assert f"`{reason.value}`" in DOCUMENTS
