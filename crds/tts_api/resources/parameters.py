"""The map of numbers that parametrises an architecture, and what the CRD says about it.

The API server cannot look into ``tts_api.architectures``, so the bounds of every parameter become CEL rules, and the
meaning of every parameter becomes part of a description. Both are made from a registry when the CRD is generated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field, StringConstraints
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from tts_api.architectures.base import Architecture
from tts_api.base import Rule, cel_rules, rule

ParameterMap = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Annotated[float, Field()]], Field(max_length=32)
]
"""Values of parameters by their names, as manifests write them."""

_OPERATORS = ((Ge, "ge", ">="), (Gt, "gt", ">"), (Le, "le", "<="), (Lt, "lt", "<"))


def within_bounds(architectures: Mapping[str, Architecture], default: str) -> Callable[[dict[str, Any]], None]:
    """The ``json_schema_extra`` of an object ``{architecture, parameters, fromTraining}``: it adds the rules of
    ``parameter_rules``."""

    def add_rules(schema: dict[str, Any]) -> None:
        schema.update(cel_rules(*parameter_rules(architectures, default)))

    return add_rules


def describe_parameters(architectures: Mapping[str, Architecture]) -> Callable[[dict[str, Any]], None]:
    """The ``json_schema_extra`` of a map of parameters: it adds a sentence about each parameter of each architecture
    to the description, where ``kubectl explain`` shows it."""

    def add_sentences(schema: dict[str, Any]) -> None:
        sentences = (
            f"{architecture.name} {to_camel(name)} (default {field.default}): {field.description}"
            for architecture in architectures.values()
            for name, field in architecture.parameters.model_fields.items()
        )
        schema["description"] = " ".join((schema["description"], *sentences))

    return add_sentences


def architecture_of(model: str, default: str) -> str:
    """The CEL expression of the architecture of ``model``, an expression too: ``default`` where the manifest names
    none, and empty where another training's voice has it."""
    return f"(has({model}.architecture) ? {model}.architecture : has({model}.fromTraining) ? '' : '{default}')"


def parameter_rules(architectures: Mapping[str, Architecture], default: str) -> Iterator[Rule]:
    """The rules on an object ``{architecture, parameters, fromTraining}``.

    They allow only the parameters that the architecture has, only whole numbers for integers, and only values within
    the bounds. They do not apply to a model that starts from another training and leaves its architecture out: only the
    pod learns which architecture that is. An architecture that is not trained cannot start from another training.
    """
    named = architecture_of("self", default)
    for architecture in architectures.values():
        names = [to_camel(name) for name in architecture.parameters.model_fields]
        is_other = f"{named} != '{architecture.name}'"
        if not architecture.trained:
            yield rule(
                f"{is_other} || !has(self.fromTraining)",
                f"{architecture.name} has no weights that another training could give: leave fromTraining out",
                field_path=".fromTraining",
            )
        yield rule(
            f"{is_other} || self.parameters.all(name, name in {names!r})",
            f"{architecture.name} has no such parameter; it has: {', '.join(names)}",
            field_path=".parameters",
        )
        for name, field in architecture.parameters.model_fields.items():
            key = to_camel(name)
            checks, words = _bounds(f"self.parameters['{key}']", field)
            yield rule(
                f"{is_other} || !('{key}' in self.parameters) || ({' && '.join(checks)})",
                f"{architecture.name}'s {key} must be {' and '.join(words)}",
                field_path=".parameters",
            )


def _bounds(value: str, field: FieldInfo) -> tuple[list[str], list[str]]:
    """The CEL expressions that hold ``value`` to the bounds of a field, and each of them in words."""
    checks, words = [], []
    for kind, attribute, sign in _OPERATORS:
        for bound in (getattr(m, attribute) for m in field.metadata if isinstance(m, kind)):
            checks.append(f"{value} {sign} {float(bound)!r}")
            words.append(f"{sign} {bound}")
    if field.annotation is int:
        checks.append(f"double(int({value})) == {value}")
        words.append("a whole number")
    return checks, words
