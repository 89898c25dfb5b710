"""What is derived from the types is in the repository as it would be written now."""

from __future__ import annotations

from pathlib import Path

import pytest

from tts_api import generate

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", sorted(generate.files()))
def test_file_is_current(name: str) -> None:
    assert (ROOT / name).read_text() == generate.files()[name], "run `make generate`"
