"""The record of the kind TTSTraining. What the API server and the pods know of it is in ``tts_api.kinds``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tts_api import kinds
from tts_operator.custom_kinds import record_of
from tts_operator.engine.objects import CLAIM, CORE_SERVICE, JOB, POD
from tts_operator.engine.records import METADATA_ONLY, STATUS_ONLY, Child


def _job(body: Mapping[str, Any]) -> dict[str, Any]:
    """The projection of a Job: of its spec only whether it is suspended, since the pod template is large."""
    return {**STATUS_ONLY(body), "spec": {"suspend": body.get("spec", {}).get("suspend", False)}}


TRAINING_RECORD = record_of(
    "training",
    kinds.TRAINING,
    children=(
        Child(JOB, _job),
        Child(POD, STATUS_ONLY),
        Child(CORE_SERVICE, METADATA_ONLY),
        Child(CLAIM, METADATA_ONLY),
    ),
)
