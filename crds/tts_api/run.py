"""The run document: one JSON file with everything that a pod needs to know.

The operator derives it from a spec and resolves every reference and default. Users do not write it.
"""

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
from tts_api.resources.training import AudioFeatures, Model, missing_weights, wrong_length
from tts_api.resources.training_options import TrainingOptions

SCHEMA = 1
RUN_ANNOTATION = "ttsoperator.dev/run"
"""Annotation of the pod template that holds the document, so that it is written together with the Job."""
RUN_PATH = Path("/etc/tts/run.json")
"""File in which a pod finds the document."""
DATA_PATH = Path("/workspace/data")
CHECKPOINTS_PATH = Path("/workspace/checkpoints")
API_KEYS_PATH = Path("/var/run/secrets/tts/api-keys")
SOURCES_PATH = Path("/workspace/sources")
"""Folder with the volumes of other trainings: ``acoustic`` and ``vocoder``, after the model that comes from there."""


class ResourceReference(Document):
    """The resource that a pod works for and reports to."""

    namespace: str
    name: str
    uid: str


class RunDataset(Document):
    """The corpus, as the pod finds it."""

    format: DatasetFormat
    path: RelativePath = ""
    """Folder of the corpus, relative to ``<workspace>/data``."""
    language: Language
    audio: AudioFeatures
    max_invalid_clips: Annotated[int, Field(ge=0)] = 0


class RunSource(Document):
    """The finished voice that a model of the training starts from."""

    path: FilePath
    """The voice's file, relative to ``<workspace>/sources/acoustic`` or ``<workspace>/sources/vocoder``."""
    sha256: Sha256
    """The digest it must have."""


class RunSources(Document):
    """The voices of other trainings: one for each ``model.*.fromTraining``."""

    acoustic: RunSource | None = None
    vocoder: RunSource | None = None


class Topology(Document):
    """How many processes train together."""

    nodes: Annotated[int, Field(ge=1)] = 1
    processes_per_node: Annotated[int, Field(ge=1)] = 1
    rendezvous: str = ""
    """``host:port`` of rank 0; empty when one node trains alone."""


class TrainingRun(Document):
    """The run document of one training."""

    schema_: Annotated[int, Field(alias="schema", ge=1)] = SCHEMA
    resource: ResourceReference | None = None
    """The resource to report to. Absent outside a cluster, where progress is printed."""
    output: RelativePath
    """Folder of the checkpoints and the voice, relative to ``<workspace>/checkpoints``."""
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
        if problem := wrong_length(self.model, self.training) or missing_weights(self.model, self.training):
            raise ValueError(problem)
        return self


class RunVoice(Document):
    """The voice that a service speaks with."""

    name: str
    """Name by which requests ask for the model."""
    path: FilePath
    """The voice's file, relative to ``<workspace>/checkpoints``."""
    sha256: Sha256
    """The digest it must have."""


class ServiceRun(Document):
    """The run document of one service."""

    schema_: Annotated[int, Field(alias="schema", ge=1)] = SCHEMA
    resource: ResourceReference | None = None
    voice: RunVoice
    limits: Limits = Field(default_factory=Limits)
    batching: Batching = Field(default_factory=Batching)
    api_keys: bool = False
    """Whether a request must carry one of the keys under ``API_KEYS_PATH``."""
    max_concurrent_requests_per_key: Annotated[int, Field(ge=1)] | None = None
    """Requests of one key at a time; absent means no limit beyond ``limits``."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000


def dumps(run: TrainingRun | ServiceRun) -> str:
    """The document as JSON. Equal runs give equal bytes."""
    return json.dumps(run.to_json_object(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(run: TrainingRun) -> str:
    """SHA-256 in hexadecimal over everything that decides the result of a training.

    Two runs with the same digest can continue each other's checkpoints. The digest leaves out the resource that the run
    reports to, the folder that it writes to and the number of processes.
    """
    document = run.to_json_object()
    for key in ("resource", "output", "topology"):
        document.pop(key, None)
    # The result depends on the voices that the run starts from, not on their paths.
    document["sources"] = {part: source["sha256"] for part, source in document["sources"].items()}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
