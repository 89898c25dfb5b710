"""TTSService: the spec that a speech team writes and the status that it reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from tts_api.base import Document, ExtendedResource, Image, Name, Quantity, RelativePath, Sha256, cel_rules, rule
from tts_api.report import ServicePerformance
from tts_api.resources.conditions import Conditions, ReasonWord
from tts_api.resources.metadata import Metadata
from tts_api.resources.pods import PodTemplate
from tts_api.resources.references import FromTraining


class ClaimedVoice(Document):
    """A voice file on a PersistentVolumeClaim."""

    claim_name: Name
    """The claim's name."""
    path: Annotated[RelativePath, StringConstraints(min_length=1)]
    """The file, relative to the root of the volume."""
    sha256: Sha256
    """Digest (SHA-256) that the file must have."""


class ModelSource(Document):
    """The voice to serve. Exactly one member is given."""

    from_training: FromTraining | None = None
    """The voice of a training."""
    persistent_volume_claim: ClaimedVoice | None = None
    """A voice file on a claim."""


class ServiceResources(Document):
    """The resources of each pod."""

    gpus: Annotated[int, Field(ge=0, le=1)] = 1
    """GPUs of each pod, 0 or 1; 0 serves on the CPU."""
    gpu_resource: ExtendedResource = "nvidia.com/gpu"
    """Name of the extended resource by which the cluster counts GPUs."""
    cpu: Quantity = "2"
    """CPU request of each pod; no limit is set."""
    memory: Quantity = "4Gi"
    """Memory request and limit of each pod."""


class Limits(Document):
    """How much work one pod accepts before it refuses more."""

    max_input_characters: Annotated[int, Field(ge=1, le=100_000)] = 4096
    """Longest input of a request in characters, 1 to 100000; a longer one is answered with 400."""
    max_concurrent_requests: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Requests that one pod works on or keeps waiting, 1 to 10000; further ones are answered with 429 and
    Retry-After."""
    max_queue_milliseconds: Annotated[int, Field(ge=0, le=600_000)] = 5000
    """Work that may wait in one pod, in milliseconds at the pod's measured speed, 0 to 600000. Each waiting request
    counts with one sentence; a request whose client has not yet read what is made does not count. A request that finds
    more work waiting is answered with 429 and Retry-After. With 0 a request is accepted only when no other waits."""
    request_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 300
    """Seconds by which a request may take longer than its audio lasts, 1 to 3600. After that the pod gives the request
    up: with 504, or in the middle of the audio if that has begun. A pod that is stopped also gives its
    unfinished requests up after this time."""


class Batching(Document):
    """How a pod synthesizes sentences of several requests at once."""

    max_batch_size: Annotated[int, Field(ge=1, le=256)] | None = None
    """Most sentences in one batch, 1 to 256. Absent means 16 on a GPU and 1 on a CPU, where a batch takes as long as
    its sentences one after the other."""
    max_wait_milliseconds: Annotated[int, Field(ge=0, le=1000)] = 0
    """Milliseconds that a batch waits for more sentences, 0 to 1000; with 0 it starts with those that are there."""


class ApiKeys(Document):
    """The API keys that clients must send."""

    secret_name: Name
    """Name of a Secret in the service's namespace. The value of each of its entries is an API key. A change takes
    effect within a minute or two, without a restart."""
    max_concurrent_requests: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Requests with the key of one entry that one pod works on or keeps waiting, 1 to 10000; further ones are answered
    with 429. Absent means that one key may use all that limits allow."""


class Rollout(Document):
    """How the pods are replaced when the voice or the spec of the pods changes."""

    max_unavailable: Annotated[int, Field(ge=0, le=1000)] = 0
    """Pods that may be missing during a rollout, 0 to 1000; with 0 a new pod is ready before an old one is removed."""
    progress_deadline_seconds: Annotated[int, Field(ge=10, le=86_400)] = 600
    """Seconds without progress after which the rollout is reported as failed, 10 to 86400."""


class TTSServiceSpec(Document):
    """The voice to serve, and how it is served."""

    image: Image | None = None
    """The workload image. Absent means the operator's default, which status.image then shows."""
    model: Annotated[
        ModelSource,
        Field(
            json_schema_extra=cel_rules(
                rule(
                    "has(self.fromTraining) != has(self.persistentVolumeClaim)",
                    "give exactly one of fromTraining and persistentVolumeClaim",
                )
            )
        ),
    ]
    """The voice to serve."""
    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """Number of pods that serve, 0 to 1000. kubectl scale and autoscalers set it too."""
    resources: ServiceResources = Field(default_factory=ServiceResources)
    """The resources of each pod."""
    limits: Limits = Field(default_factory=Limits)
    """How much work one pod accepts before it refuses more."""
    batching: Batching = Field(default_factory=Batching)
    """How a pod synthesizes sentences of several requests at once."""
    api_keys: ApiKeys | None = None
    """The API keys that clients must send. Absent means that everybody who reaches the service may use it."""
    rollout: Rollout = Field(default_factory=Rollout)
    """How pods are replaced."""
    template: PodTemplate = Field(default_factory=PodTemplate)
    """Where the pods may run, and what they get in addition."""


class ServedModel(Document):
    """The voice that is served."""

    name: Annotated[str, StringConstraints(max_length=253)]
    """Name by which requests ask for the model."""
    sha256: Sha256
    """Digest (SHA-256) of the voice."""
    ready: bool = False
    """Whether at least one pod is ready to speak with the voice."""


class TTSServiceStatus(Document):
    """The observed state. The operator writes all of it except performance, which the pods write."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this status was derived from."""
    reason: ReasonWord | None = None
    """Why the service is available or not, as one word: the reason of the condition that explains it."""
    conditions: Conditions = ()
    """The conditions Accepted, ModelReady, Available and Progressing."""
    url: Annotated[str, StringConstraints(max_length=512)] | None = None
    """URL of the service inside the cluster."""
    replicas: Annotated[int, Field(ge=0)] | None = None
    """Number of pods that exist."""
    ready_replicas: Annotated[int, Field(ge=0)] | None = None
    """Number of pods that are ready to speak."""
    selector: Annotated[str, StringConstraints(max_length=512)] | None = None
    """Label selector of the pods, for autoscalers."""
    image: Annotated[str, StringConstraints(max_length=512)] | None = None
    """The image of the pods, resolved when they were first made. A newer operator does not change it."""
    model: ServedModel | None = None
    """The voice that is served."""
    performance: ServicePerformance | None = None
    """What a pod measured while it warmed up. The pods write the whole of it."""


class TTSService(Document):
    """A voice to serve. The operator runs pods that speak with it over HTTP."""

    metadata: Metadata
    spec: TTSServiceSpec
    status: TTSServiceStatus = Field(default_factory=TTSServiceStatus)
