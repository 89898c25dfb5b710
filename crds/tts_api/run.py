"""The run document: everything a pod needs to know, resolved, as one JSON file. A user never writes it; the operator
derives it from the spec."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from tts_api.base import Document, RelativePath, Sha256
from tts_api.choices import DatasetFormat, Language
from tts_api.report import FilePath
from tts_api.resources.service import Batching, Limits
from tts_api.resources.training import AudioFeatures, Model, TrainingOptions, missing_weights

SCHEMA = 1
RUN_ANNOTATION = "ttsoperator.dev/run"
"""The pod template's annotation that carries the document, atomic with the Job."""
RUN_PATH = Path("/etc/tts/run.json")
"""Where a pod finds it."""
DATA_PATH = Path("/workspace/data")
CHECKPOINTS_PATH = Path("/workspace/checkpoints")
API_KEYS_PATH = Path("/var/run/secrets/tts/api-keys")
SOURCES_PATH = Path("/workspace/sources")
"""The volumes of other trainings, each in the folder ``acoustic`` or ``vocoder`` for the model that comes from it."""


class ResourceReference(Document):
    """The resource a pod works for and reports to."""

    namespace: str
    name: str
    uid: str


class RunDataset(Document):
    """The corpus as the pod finds it."""

    format: DatasetFormat
    path: RelativePath = ""
    """Folder of the corpus, relative to ``<workspace>/data``."""
    language: Language
    audio: AudioFeatures
    max_invalid_clips: Annotated[int, Field(ge=0)] = 0


class RunSource(Document):
    """The finished voice that a model of the training starts from."""

    path: FilePath
    """The voice, relative to ``<workspace>/sources/acoustic`` or ``<workspace>/sources/vocoder``."""
    sha256: Sha256
    """The digest it must have."""


class RunSources(Document):
    """The voices of other trainings, one for each ``model.*.fromTraining``."""

    acoustic: RunSource | None = None
    vocoder: RunSource | None = None


class Topology(Document):
    """How many processes train together."""

    nodes: Annotated[int, Field(ge=1)] = 1
    processes_per_node: Annotated[int, Field(ge=1)] = 1
    rendezvous: str = ""
    """``host:port`` of rank 0, empty when one node trains alone."""


class TrainingRun(Document):
    """One training, resolved."""

    schema_: Annotated[int, Field(alias="schema", ge=1)] = SCHEMA
    resource: ResourceReference | None = None
    """Whom to report to; absent outside a cluster, where progress is printed."""
    output: RelativePath
    """Folder of checkpoints and voice, relative to ``<workspace>/checkpoints``."""
    dataset: RunDataset
    model: Model
    sources: RunSources = Field(default_factory=RunSources)
    training: TrainingOptions
    topology: Topology = Field(default_factory=Topology)

    @model_validator(mode="after")
    def _each_model_has_weights_from_somewhere(self) -> Self:
        for part, model, source in (
            ("acoustic", self.model.acoustic, self.sources.acoustic),
            ("vocoder", self.model.vocoder, self.sources.vocoder),
        ):
            if (model.from_training is None) != (source is None):
                raise ValueError(f"model.{part}.fromTraining and sources.{part} go together: give both or neither")
        if problem := missing_weights(self.model, self.training):
            raise ValueError(problem)
        return self


class RunVoice(Document):
    """The voice a service speaks with."""

    name: str
    """What requests call the model."""
    path: FilePath
    """The artifact, relative to ``<workspace>/checkpoints``."""
    sha256: Sha256
    """The digest it must have."""


class ServiceRun(Document):
    """One service, resolved."""

    schema_: Annotated[int, Field(alias="schema", ge=1)] = SCHEMA
    resource: ResourceReference | None = None
    voice: RunVoice
    limits: Limits = Field(default_factory=Limits)
    batching: Batching = Field(default_factory=Batching)
    api_keys: bool = False
    """Whether only those may ask who have one of the keys under ``API_KEYS_PATH``."""
    max_concurrent_requests_per_key: Annotated[int, Field(ge=1)] | None = None
    """Requests of one key at a time; absent sets no limit of its own."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000


def dumps(run: TrainingRun | ServiceRun) -> str:
    """The document as JSON, the same bytes for the same run."""
    return json.dumps(run.to_json_object(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(run: TrainingRun) -> str:
    """SHA-256 over what decides the result: the same digest means that a checkpoint of one run continues in the other.

    Who it reports to, where it writes, and how many processes share the work are left out.
    """
    document = run.to_json_object()
    for key in ("resource", "output", "topology"):
        document.pop(key, None)
    # Which voices it starts from decides; where they lie does not.
    document["sources"] = {part: source["sha256"] for part, source in document["sources"].items()}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
