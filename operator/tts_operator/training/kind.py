"""The record of the kind TTSTraining. What the API server and the pods know of it is in ``tts_api.kinds``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tts_api import kinds
from tts_operator.engine.kinds import METADATA_ONLY, STATUS_ONLY, Child
from tts_operator.engine.objects import CLAIM, JOB, POD, SERVICE
from tts_operator.records import record


def _job(body: Mapping[str, Any]) -> dict[str, Any]:
    """The projection of a Job: of its spec only whether it is suspended, since the pod template is large."""
    return {**STATUS_ONLY(body), "spec": {"suspend": body.get("spec", {}).get("suspend", False)}}


TRAINING = record(
    "training",
    kinds.TRAINING,
    children=(
        Child(JOB, _job),
        Child(POD, STATUS_ONLY),
        Child(SERVICE, METADATA_ONLY),
        Child(CLAIM, METADATA_ONLY),
    ),
)
