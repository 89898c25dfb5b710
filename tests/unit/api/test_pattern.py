"""A pattern is refused in words: never does a user read a regular expression, whoever reads the document."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tts_api.base import ExtendedResource, Name, Quantity, RelativePath, Sha256
from tts_api.resources.pods import EnvironmentVariable

PATTERNS = [
    (Name, ["a", "my-voice.1"], ["My_Claim", "-a", "a-", "a\n"]),
    (RelativePath, ["", "a", "corpora/allison", "_a/-b.c"], ["/a", "a/", "a/../b", ".a", "a b", "a\n"]),
    (Sha256, ["0" * 64], ["0" * 63, "A" * 64]),
    (Quantity, ["2", "500m", "16Gi", "0.5", 2, 0.5], ["16GB", "-1", "lots", -1]),
    (ExtendedResource, ["nvidia.com/gpu"], ["gpu", "nvidia.com/"]),
]


@pytest.mark.parametrize(("type_", "good", "bad"), PATTERNS, ids=["name", "path", "digest", "amount", "resource"])
def test_a_pattern_is_refused_in_words(type_: Any, good: list[Any], bad: list[Any]) -> None:
    adapter = TypeAdapter(type_)
    for value in good:
        assert adapter.validate_python(value) == str(value)
    for value in bad:
        with pytest.raises(ValidationError) as refusal:
            adapter.validate_python(value)
        message = refusal.value.errors()[0]["msg"]
        assert message.startswith("Value error, must be ")
        assert not re.search(r"[\^$]|\[a-z", message)


def test_the_name_of_a_variable_is_refused_in_words() -> None:
    with pytest.raises(ValidationError, match="must be letters, digits and _, no digit first"):
        EnvironmentVariable(name="A B", value="")
