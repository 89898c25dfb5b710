"""The names that documents choose from: languages, formats of a corpus, and the type of a field that holds such a name.

Each list has one home, and every other one follows from it. The architectures are in ``tts_api.architectures``. The
code that reads a format or speaks a language is in ``tts_workloads``; a test keeps both sides equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

DATASET_FORMATS: dict[str, str] = {
    "ljspeech": "metadata.csv and wavs/",
    "manifest": "manifest.jsonl, a line per clip",
}
"""How a corpus can be laid out: the name of each format, and the files that make it up."""

LANGUAGES: dict[str, str] = {"en-us": "English of the United States"}
"""The languages that a voice can speak: the name of each front end, and what it speaks."""


@dataclass(frozen=True, eq=False)
class OneOf:
    """Annotates a string that must be a key of ``registry``.

    The registry is read at each validation and at each generation of a schema, so a name that is added later counts.
    A name that is not in it is refused as a ``Literal`` would refuse it: with the field, the value and all names.
    """

    registry: Mapping[str, object]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The look-up, followed by the schema of the string."""
        return core_schema.no_info_before_validator_function(self._look_up, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The string's JSON schema with the names as its ``enum``."""
        return {**handler(schema), "enum": list(self.registry)}

    def _look_up(self, name: object) -> object:
        if not isinstance(name, str) or name not in self.registry:
            *others, last = (repr(known) for known in self.registry)
            expected = f"{', '.join(others)} or {last}" if others else last
            raise PydanticKnownError("literal_error", {"expected": expected})
        return name


DatasetFormat = Annotated[str, OneOf(DATASET_FORMATS)]
Language = Annotated[str, OneOf(LANGUAGES)]
