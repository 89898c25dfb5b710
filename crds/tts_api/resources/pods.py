"""What a user can set on the pods of both kinds: where they run, their environment, labels and annotations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from tts_api.base import AnnotationMap, Document, LabelMap, Name, Pattern, cel_rules, rule

OWN_PREFIX_RULE = rule(
    "self.all(key, !key.startsWith('ttsoperator.dev/'))",
    "the prefix ttsoperator.dev/ belongs to the operator: choose another prefix",
)


class Toleration(Document):
    """A taint that the pods tolerate, as in the spec of a pod."""

    key: Annotated[str, StringConstraints(max_length=317)] | None = None
    """The taint's key. Absent, with operator Exists, means every taint."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """How key and value are compared: Equal (the default) or Exists."""
    value: Annotated[str, StringConstraints(max_length=63)] | None = None
    """The taint's value, for operator Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect; absent means every effect."""
    toleration_seconds: Annotated[int, Field(ge=0, le=2**31)] | None = None
    """Seconds for which a NoExecute taint is tolerated; absent means forever."""


class EnvironmentVariable(Document):
    """An environment variable with a literal value. Do not put a secret here: whoever reads the spec reads it too."""

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=128),
        Pattern(r"^[A-Za-z_][A-Za-z0-9_]*$", "must be letters, digits and _, no digit first, such as LOG_LEVEL"),
    ]
    """The variable's name."""
    value: Annotated[str, StringConstraints(max_length=4096)]
    """The variable's value."""


class ImagePullSecret(Document):
    """A Secret in the resource's namespace that holds the credentials for the image's registry."""

    name: Name
    """The Secret's name."""


class PodTemplate(Document):
    """Where the pods may run, and what they get in addition to what the operator sets."""

    node_selector: LabelMap = Field(default_factory=dict)
    """Labels that a node must have to run the pods, at most 32."""
    tolerations: Annotated[
        tuple[Toleration, ...], Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = ()
    """Taints that the pods tolerate, at most 16."""
    priority_class_name: Name | None = None
    """The PriorityClass of the pods, which decides what they preempt and what preempts them."""
    runtime_class_name: Name | None = None
    """The RuntimeClass of the pods, such as nvidia where the cluster requires it for GPUs."""
    env: Annotated[
        tuple[EnvironmentVariable, ...],
        Field(
            max_length=64, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
        ),
    ] = ()
    """Environment variables of the container, at most 64."""
    labels: Annotated[LabelMap, Field(json_schema_extra=cel_rules(OWN_PREFIX_RULE))] = Field(default_factory=dict)
    """Labels added to the pods, at most 32, none with the prefix ttsoperator.dev/."""
    annotations: Annotated[AnnotationMap, Field(json_schema_extra=cel_rules(OWN_PREFIX_RULE))] = Field(
        default_factory=dict
    )
    """Annotations added to the pods, at most 32, none with the prefix ttsoperator.dev/."""
    image_pull_secrets: Annotated[
        tuple[ImagePullSecret, ...],
        Field(
            max_length=8, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
        ),
    ] = ()
    """Secrets with the credentials for the image's registry, at most 8."""
