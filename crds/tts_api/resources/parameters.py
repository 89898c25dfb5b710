"""The flat map of numbers that parametrises an architecture, and the CEL rules that hold it to the architecture's
bounds at the API server. The parameters themselves are in ``tts_api.architectures``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field, StringConstraints
from pydantic.alias_generators import to_camel

from tts_api.architectures.base import Architecture
from tts_api.base import rule, rules

ParameterMap = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Annotated[float, Field()]], Field(max_length=32)
]

_OPERATORS = ((Ge, "ge", ">="), (Gt, "gt", ">"), (Le, "le", "<="), (Lt, "lt", "<"))


def within_bounds(architectures: Mapping[str, Architecture], default: str) -> Callable[[dict[str, Any]], None]:
    """The ``json_schema_extra`` of an object ``{architecture, parameters, fromTraining}``: the CEL rules below, made
    from what the registry ``architectures`` holds when the schema is generated."""

    def add_rules(schema: dict[str, Any]) -> None:
        schema.update(rules(*parameter_rules(architectures, default)))

    return add_rules


def parameter_rules(architectures: Mapping[str, Architecture], default: str) -> Iterator[dict[str, str]]:
    """The rules for an object ``{architecture, parameters, fromTraining}``: known names only, whole numbers where the
    model counts, and every value within its bounds. Of which architecture another training's model is, only the pod
    learns. An architecture without weights has none to start from."""
    named = f"(has(self.architecture) ? self.architecture : has(self.fromTraining) ? '' : '{default}')"
    for architecture in architectures.values():
        names = [to_camel(name) for name in architecture.parameters.model_fields]
        other = f"{named} != '{architecture.name}'"
        if not architecture.trained:
            yield rule(
                f"{other} || !has(self.fromTraining)",
                f"{architecture.name} has no weights that another training could give: leave fromTraining out",
                field_path=".fromTraining",
            )
        yield rule(
            f"{other} || self.parameters.all(name, name in {names!r})",
            f"{architecture.name} has no such parameter; it has: {', '.join(names)}",
            field_path=".parameters",
        )
        for name, field in architecture.parameters.model_fields.items():
            key = to_camel(name)
            value = f"self.parameters['{key}']"
            checks, words = [], []
            for kind, attribute, sign in _OPERATORS:
                for bound in (getattr(m, attribute) for m in field.metadata if isinstance(m, kind)):
                    checks.append(f"{value} {sign} {float(bound)!r}")
                    words.append(f"{sign} {bound}")
            if field.annotation is int:
                checks.append(f"double(int({value})) == {value}")
                words.append("a whole number")
            yield rule(
                f"{other} || !('{key}' in self.parameters) || ({' && '.join(checks)})",
                f"{architecture.name}'s {key} must be {' and '.join(words)}",
                field_path=".parameters",
            )


def describe(architectures: Mapping[str, Architecture]) -> str:
    """One sentence for each parameter of each architecture, for ``kubectl explain``."""
    lines = []
    for architecture in architectures.values():
        for name, field in architecture.parameters.model_fields.items():
            lines.append(f"{architecture.name} {to_camel(name)} (default {field.default}): {field.description}")
    return " ".join(lines)
