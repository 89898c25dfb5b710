"""The generated files in the repository are what the types would generate now."""

from __future__ import annotations

from pathlib import Path

import pytest

from tts_api import generate

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", sorted(generate.files()))
def test_the_file_in_the_repository_is_current(name: str) -> None:
    assert (ROOT / name).read_text() == generate.files()[name], "run `make generate`"
