"""Reads manifests and says everything that is wrong with them, as the API server would: by the models of
``tts_api.resources`` and by the CEL rules of their CustomResourceDefinitions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from tts_api import API_VERSION, GROUP
from tts_api.base import Document
from tts_api.crd import resource_schema
from tts_api.kinds import CUSTOM_KINDS, CustomKind
from tts_api.resources import TTSService, TTSTraining
from tts_cli.failure import refused
from tts_cli.schema_rules import Problem, broken_rules, description, unknown_fields, with_defaults

Resource = TypeVar("Resource", TTSTraining, TTSService)
KINDS = {kind.name: kind for kind in CUSTOM_KINDS}
LONGEST_VALUE_CHARACTERS = 80
BY_RULE = "value_error"
"""Type of the models' errors that the API server finds by CEL rules, in the same words."""


@dataclass(frozen=True)
class Manifest:
    """One document of a file, of one of the kinds of ``tts_api.kinds``."""

    file: Path
    kind: CustomKind[Any]
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """The resource's name."""
        return str(_mapping(self.body.get("metadata")).get("name", ""))

    @property
    def title(self) -> str:
        """Kind and name."""
        return f"{self.kind.name} {self.name}"

    def resource(self, model: type[Resource]) -> Resource:
        """Return the resource. Raises Failure with every problem of the manifest."""
        self.check()
        metadata = {"name": self.name, "namespace": "", "uid": ""}
        return model.model_validate({"metadata": metadata, "spec": self.body["spec"]})

    def check(self) -> None:
        """Raise Failure with every problem of the manifest, if there is one."""
        if problems := self.problems():
            raise refused("\n".join([f"{self.file} is not valid:", *problems]))

    def problems(self) -> list[str]:
        """Return everything that is wrong with it, each with the field, its value and the remedy."""
        schema = resource_schema(self.kind)
        malformed = list(_malformed(self.kind, schema, self.body))
        # What the models check beyond types and bounds the API server checks by rules, whose messages are the user's.
        types = [problem for problem, by_rule in malformed if not by_rule]
        filled = with_defaults(schema, self.body)
        rules = [
            problem
            for problem in broken_rules(schema, filled, sound=not malformed)
            if not any(wrong.field.startswith(problem.field) for wrong in types)
        ]
        unknown = list(unknown_fields(schema, self.body))
        left = [problem for problem, by_rule in malformed if by_rule and not _is_told(problem, rules)]
        problems = dict.fromkeys([*unknown, *types, *rules, *left])
        return [_words(problem, self.body) for problem in problems]


@dataclass(frozen=True)
class ManifestFile:
    """What a file of manifests holds."""

    manifests: tuple[Manifest, ...]
    others: tuple[str, ...]
    """Kind and name of each object that is not one of ours."""


def read(path: Path) -> ManifestFile:
    """Read a file of manifests. Raises Failure where it is no YAML or no manifest."""
    try:
        documents = [document for document in yaml.safe_load_all(path.read_text()) if document is not None]
    except OSError as error:
        raise refused(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise refused(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    manifests: list[Manifest] = []
    others: list[str] = []
    for number, document in enumerate(documents, start=1):
        where = f"{path}, document {number}" if len(documents) > 1 else str(path)
        if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
            raise refused(f"{where} is not a manifest: it needs apiVersion: {API_VERSION} and a kind")
        body = json.loads(json.dumps(document, default=str))
        kind, version = body["kind"], body.get("apiVersion")
        if kind in KINDS and version == API_VERSION:
            manifests.append(Manifest(path, KINDS[kind], body))
        elif kind in KINDS or str(version).startswith(f"{GROUP}/"):
            raise refused(
                f"{where}: apiVersion is {version} and kind is {kind}: this is {API_VERSION}, which has "
                f"{' and '.join(KINDS)}"
            )
        else:
            others.append(f"{kind} {_mapping(body.get('metadata')).get('name', '')}".strip())
    return ManifestFile(tuple(manifests), tuple(others))


def given(body: dict[str, Any], paths: Sequence[str]) -> list[str]:
    """Return which of the fields, by their paths below spec, a manifest gives."""
    found = []
    for path in paths:
        node: Any = body.get("spec")
        for part in path.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        if node is not None:
            found.append(f"spec.{path}")
    return found


def _malformed(kind: CustomKind[Any], schema: dict[str, Any], body: dict[str, Any]) -> Iterator[tuple[Problem, bool]]:
    """Yield what the models refuse, and whether a CEL rule may say the same."""
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        yield Problem("metadata.name", "a resource needs a name"), False
    if "spec" not in body:
        yield Problem("spec", "is missing"), False
        return
    model: type[Document] = kind.spec
    try:
        model.model_validate_json(json.dumps(body["spec"]), strict=True)
    except ValidationError as invalid:
        for error in invalid.errors():
            location = tuple(part for part in ("spec", *error["loc"]) if part != "[key]")
            yield (
                Problem(_path(location), _complaint(error["type"], error["msg"], schema, location)),
                error["type"] == BY_RULE,
            )


def _is_told(problem: Problem, others: Sequence[Problem]) -> bool:
    """Whether one of the others is about the same field, a field inside it, or the object around it."""
    return any(problem.field.startswith(other.field) or other.field.startswith(problem.field) for other in others)


def _complaint(type_: str, message: str, schema: dict[str, Any], location: tuple[str | int, ...]) -> str:
    told = "it is required" if type_ == "missing" else message.removeprefix("Value error, ")
    told = told.replace("Input should", "it should").replace("String should", "it should").replace("Field", "field")
    meaning = description(schema, location)
    return f"{told} ({meaning})" if meaning and type_ != BY_RULE else told


def _path(location: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _words(problem: Problem, body: dict[str, Any]) -> str:
    """The line that tells a problem: the field, its value where it is short, and what is wrong with it."""
    node: Any = body
    for part in problem.field.replace("[", ".[").split("."):
        if part.startswith("[") and isinstance(node, list):
            node = node[int(part[1:-1])]
        else:
            node = node.get(part) if isinstance(node, dict) else None
    value = json.dumps(node, ensure_ascii=False)
    shown = f" is {value}" if node is not None and len(value) <= LONGEST_VALUE_CHARACTERS else ""
    return f"{problem.field}{shown}: {problem.text}"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
