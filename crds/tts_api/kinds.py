"""One record for each custom resource. It is the only place that says which kinds exist and how they are named.

The CRDs, the admission policies, the RBAC rules and the API reference are derived from these records. What a kind's
fields mean is in ``tts_api.resources``; which children the operator makes for it is in ``tts_operator``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from pydantic.alias_generators import to_camel

from tts_api import GROUP
from tts_api.base import Document, Rule
from tts_api.reasons import SERVICE_CONDITIONS, TRAINING_CONDITIONS, ConditionType
from tts_api.resources.service import TTSService
from tts_api.resources.training import TTSTraining
from tts_api.rules import NAME_RULE, not_from_itself, training_spec_rules

Resource = TypeVar("Resource", bound=Document)


@dataclass(frozen=True)
class Column:
    """A column of ``kubectl get``."""

    name: str
    type: str
    path: str
    """JSON path of the value, from the root of the object."""
    description: str
    priority: int = 0
    """0 shows the column always, 1 only with ``-o wide``."""


@dataclass(frozen=True)
class Reference:
    """A field by which a resource names another resource of its own namespace."""

    path: tuple[str, ...]
    """Where the name stands, from the root of the object, as JSON names."""
    plural: str
    """Plural name of the kind that the field names."""


@dataclass(frozen=True)
class CustomKind(Generic[Resource]):
    """A custom resource as the API server, the admission policy and the pods know it."""

    model: type[Resource]
    """Type of the whole resource. Its class name is the kind's name."""
    plural: str
    short_name: str
    label: str
    """Label of every child; its value is the resource's name."""
    pod_owned_field: str
    """The one status field that the pods write."""
    pod_suffix: str
    """Regular expression (RE2) of what follows the resource's name in the name of its pods. Names of resources are at
    most 40 characters long, so Kubernetes truncates no name of a pod."""
    conditions: tuple[ConditionType, ...]
    columns: tuple[Column, ...]
    references: tuple[Reference, ...] = ()
    rules: tuple[Rule, ...] = (NAME_RULE,)
    """CEL rules on the whole resource."""
    spec_rules: Callable[[], Sequence[Rule]] = list
    """Makes the CEL rules on the whole spec, when the CRD is generated."""
    scale: Mapping[str, str] = field(default_factory=dict)
    """The paths of the scale subresource, where the kind has one."""

    @property
    def name(self) -> str:
        """The kind's name, as in an object's ``kind``."""
        return self.model.__name__

    @property
    def spec(self) -> type[Document]:
        """Type of the spec."""
        return cast("type[Document]", self.model.model_fields["spec"].annotation)

    @property
    def status(self) -> type[Document]:
        """Type of the status."""
        return cast("type[Document]", self.model.model_fields["status"].annotation)

    @property
    def status_fields(self) -> tuple[str, ...]:
        """JSON names of the fields of the status."""
        return tuple(member.alias or to_camel(name) for name, member in self.status.model_fields.items())

    @property
    def operator_owned_fields(self) -> tuple[str, ...]:
        """JSON names of the status fields that the operator writes: all but the one that the pods own."""
        return tuple(name for name in self.status_fields if name != self.pod_owned_field)


_DISPLAY = ".status.progress.display"
_AVAILABLE = '.status.conditions[?(@.type=="Available")]'
_AGE = ".metadata.creationTimestamp"

TRAINING = CustomKind(
    model=TTSTraining,
    plural="ttstrainings",
    short_name="ttst",
    label=f"{GROUP}/training",
    pod_owned_field="progress",
    pod_suffix="-train-[0-9]+-[a-z0-9]{5}",
    conditions=TRAINING_CONDITIONS,
    columns=(
        Column("Phase", "string", ".status.phase", "Summary of the conditions in one word."),
        Column("Reason", "string", ".status.reason", "Why the training is in this phase, as one word."),
        Column("Progress", "string", f"{_DISPLAY}.percent", "Share of the budget spent, or of the steps done."),
        Column(
            "Step", "string", f"{_DISPLAY}.step", "Steps done, over all models; of all steps where there is no budget."
        ),
        Column("Loss", "string", f"{_DISPLAY}.loss", "Training loss."),
        Column("ETA", "string", f"{_DISPLAY}.eta", "Time left: of the budget, or at the present speed."),
        Column("GPUs", "integer", ".status.gpus", "GPUs that the pods use."),
        Column("Stage", "string", ".status.progress.stage", "What the training is doing.", priority=1),
        Column("Artifact", "string", ".status.artifact.path", "File of the finished voice.", priority=1),
        Column("Age", "date", _AGE, "Time since the training was created."),
    ),
    references=(
        Reference(("spec", "model", "acoustic", "fromTraining", "name"), "ttstrainings"),
        Reference(("spec", "model", "vocoder", "fromTraining", "name"), "ttstrainings"),
    ),
    rules=(NAME_RULE, not_from_itself("acoustic"), not_from_itself("vocoder")),
    spec_rules=training_spec_rules,
)

SERVICE = CustomKind(
    model=TTSService,
    plural="ttsservices",
    short_name="ttss",
    label=f"{GROUP}/service",
    pod_owned_field="performance",
    pod_suffix="-serve-[a-z0-9]+-[a-z0-9]{5}",
    conditions=SERVICE_CONDITIONS,
    columns=(
        Column("Available", "string", f"{_AVAILABLE}.status", "Whether enough pods are ready to speak."),
        Column("Reason", "string", ".status.reason", "Why the service is available or not, as one word."),
        Column("Ready", "integer", ".status.readyReplicas", "Pods that are ready to speak."),
        Column("Replicas", "integer", ".spec.replicas", "Pods that the spec asks for."),
        Column("URL", "string", ".status.url", "URL of the service inside the cluster."),
        Column(
            "RTF",
            "number",
            ".status.performance.realTimeFactor",
            "Computing seconds per second of speech.",
            priority=1,
        ),
        Column("Age", "date", _AGE, "Time since the service was created."),
    ),
    references=(Reference(("spec", "model", "fromTraining", "name"), TRAINING.plural),),
    scale={
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    },
)

CUSTOM_KINDS: tuple[CustomKind[Any], ...] = (TRAINING, SERVICE)
"""Every kind that a user writes."""
