"""A condition as Kubernetes defines it (metav1.Condition). The types and reasons are listed in ``tts_api.reasons``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from tts_api.base import Document

Truth = Literal["True", "False", "Unknown"]
"""Whether an aspect holds, as Kubernetes writes it."""


ReasonWord = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""A reason of ``tts_api.reasons``, or one of a newer version."""


class Condition(Document):
    """One observed aspect of the resource's state."""

    type: Annotated[str, StringConstraints(max_length=64)]
    """The aspect, such as Accepted, Scheduled or Complete."""

    status: Truth
    """Whether the aspect holds: True, False or Unknown."""

    reason: ReasonWord
    """The reason, as one word for programs. The API reference lists every reason with its remedy."""

    message: Annotated[str, StringConstraints(max_length=2048)] = ""
    """The reason, as a sentence for people, with the remedy where there is one."""

    last_transition_time: Annotated[
        str, StringConstraints(max_length=40), Field(json_schema_extra={"format": "date-time"})
    ]
    """Time at which the status last changed from one value to another."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this condition was derived from."""


Conditions = Annotated[
    tuple[Condition, ...],
    Field(
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]
