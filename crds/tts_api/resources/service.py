"""TTSService: the spec a speech team writes and the status it reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from tts_api.base import Document, Image, Name, Quantity, RelativePath, Sha256, rule, rules
from tts_api.report import ServicePerformance
from tts_api.resources.conditions import Conditions
from tts_api.resources.metadata import Metadata
from tts_api.resources.pods import PodTemplate
from tts_api.resources.references import FromTraining


class ClaimedVoice(Document):
    """A voice file on a PersistentVolumeClaim."""

    claim_name: Name
    """The claim's name."""
    path: Annotated[RelativePath, StringConstraints(min_length=1)]
    """The file inside the volume, relative."""
    sha256: Sha256
    """The digest the file must have."""


class ModelSource(Document):
    """The voice to serve. Exactly one member is given."""

    from_training: FromTraining | None = None
    """The voice that a training left."""
    persistent_volume_claim: ClaimedVoice | None = None
    """A voice file on a claim."""


class ServiceResources(Document):
    """What each pod asks of the cluster."""

    gpus: Annotated[int, Field(ge=0, le=1)] = 1
    """GPUs of each pod, 0 or 1; 0 serves on the CPU."""
    gpu_resource: Annotated[str, StringConstraints(max_length=253, pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")] = (
        "nvidia.com/gpu"
    )
    """The extended resource by which the cluster counts GPUs."""
    cpu: Quantity = "2"
    """CPU request of each pod; no limit is set."""
    memory: Quantity = "4Gi"
    """Memory request and limit of each pod."""


class Limits(Document):
    """What one pod takes on before it says no."""

    max_input_characters: Annotated[int, Field(ge=1, le=100_000)] = 4096
    """Characters of one request's input, 1 to 100000; more is answered with 400."""
    max_concurrent_requests: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Requests that one pod works on or keeps waiting, 1 to 10000; more are answered with 429 and Retry-After."""
    max_queue_milliseconds: Annotated[int, Field(ge=0, le=600_000)] = 5000
    """Work that may wait in one pod, in milliseconds of its measured speed, 0 to 600000: a sentence of each request
    that can go on, which one that is ahead of its reader cannot. A request that finds more is answered with 429 and
    Retry-After. 0 takes a request only when none waits to be made."""
    request_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 300
    """Seconds by which a request may take longer than its sound lasts, 1 to 3600: then it is given up, with 504 or in
    the middle of its sound. A pod that ends gives up after so many seconds whatever it has not finished."""


class Batching(Document):
    """How sentences of several requests are made at once."""

    max_batch_size: Annotated[int, Field(ge=1, le=256)] | None = None
    """Sentences in one batch, 1 to 256; absent means 16 on a GPU and 1 on a CPU, where a batch takes as long as its
    sentences one by one."""
    max_wait_milliseconds: Annotated[int, Field(ge=0, le=1000)] = 0
    """Milliseconds that a batch waits to become full, 0 to 1000; 0 takes what is there."""


class ApiKeys(Document):
    """Who may ask for speech."""

    secret_name: Name
    """A Secret in the service's namespace; the value of each of its entries is an API key. A change takes effect within
    a minute or two, without a restart."""
    max_concurrent_requests: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Requests with the key of one entry that one pod works on or keeps waiting, 1 to 10000; more are answered with
    429. Absent lets one key take all that limits allow."""


class Rollout(Document):
    """How pods are replaced when the voice or the pods' description changes."""

    max_unavailable: Annotated[int, Field(ge=0, le=1000)] = 0
    """Pods that may be missing while others are replaced, 0 to 1000; 0 adds a new one before an old one goes."""
    progress_deadline_seconds: Annotated[int, Field(ge=10, le=86_400)] = 600
    """Seconds without progress after which the rollout is reported as failed, 10 to 86400."""


class TTSServiceSpec(Document):
    """The voice to serve and how."""

    image: Image | None = None
    """The workload image; absent means the operator's default, which status.image then names."""
    model: Annotated[
        ModelSource,
        Field(
            json_schema_extra=rules(
                rule(
                    "has(self.fromTraining) != has(self.persistentVolumeClaim)",
                    "give exactly one of fromTraining and persistentVolumeClaim",
                )
            )
        ),
    ]
    """The voice to serve."""
    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """Pods that serve, 0 to 1000; kubectl scale and autoscalers set it too."""
    resources: ServiceResources = Field(default_factory=ServiceResources)
    """What each pod asks of the cluster."""
    limits: Limits = Field(default_factory=Limits)
    """What one pod takes on before it says no."""
    batching: Batching = Field(default_factory=Batching)
    """How sentences of several requests are made at once."""
    api_keys: ApiKeys | None = None
    """Who may ask for speech; absent lets everybody who reaches the service."""
    rollout: Rollout = Field(default_factory=Rollout)
    """How pods are replaced."""
    template: PodTemplate = Field(default_factory=PodTemplate)
    """Where the pods may run and what they carry."""


class ServedModel(Document):
    """The voice that is served."""

    name: Annotated[str, StringConstraints(max_length=253)]
    """What requests call the model."""
    sha256: Sha256
    """Digest of the voice."""
    ready: bool = False
    """Whether a pod speaks with it."""


class TTSServiceStatus(Document):
    """What became of it. Written by the operator, but for performance, which the pods own."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this status was derived from."""
    conditions: Conditions = ()
    """Accepted, ModelReady, Available and Progressing."""
    url: Annotated[str, StringConstraints(max_length=512)] | None = None
    """Where the service is reached inside the cluster."""
    replicas: Annotated[int, Field(ge=0)] | None = None
    """Pods there are."""
    ready_replicas: Annotated[int, Field(ge=0)] | None = None
    """Pods that speak."""
    selector: Annotated[str, StringConstraints(max_length=512)] | None = None
    """Label selector of the pods, for autoscalers."""
    image: Annotated[str, StringConstraints(max_length=512)] | None = None
    """The image that was resolved when the pods were first made; a newer operator does not change it."""
    model: ServedModel | None = None
    """The voice that is served."""
    performance: ServicePerformance | None = None
    """What a pod measured when it warmed up. Owned by the pods, whole."""


class TTSService(Document):
    """A voice to serve: becomes pods that speak over HTTP."""

    metadata: Metadata
    spec: TTSServiceSpec
    status: TTSServiceStatus = Field(default_factory=TTSServiceStatus)
