"""The record of the kind TTSService. What the API server and the pods know of it is in ``tts_api.kinds``."""

from __future__ import annotations

from tts_api import kinds
from tts_operator.custom_kinds import record_of
from tts_operator.engine.objects import CORE_SERVICE, DEPLOYMENT, POD
from tts_operator.engine.records import METADATA_ONLY, STATUS_ONLY, Child, projection

HASH_ANNOTATION = "ttsoperator.dev/applied"
"""Digest of what was applied. A Deployment is applied again only when the digest of what is wanted differs."""

SERVICE_RECORD = record_of(
    "service",
    kinds.SERVICE,
    children=(
        Child(DEPLOYMENT, projection("spec", "status", annotations=(HASH_ANNOTATION,))),
        Child(POD, STATUS_ONLY),
        Child(CORE_SERVICE, METADATA_ONLY),
    ),
)
