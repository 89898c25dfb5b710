"""The record of the kind TTSService. What the API server and the pods know of it is in ``tts_api.kinds``."""

from __future__ import annotations

from tts_api import kinds
from tts_operator.engine.kinds import METADATA_ONLY, STATUS_ONLY, Child, projection
from tts_operator.engine.objects import DEPLOYMENT, POD, SERVICE
from tts_operator.records import record

HASH_ANNOTATION = "ttsoperator.dev/applied"
"""Digest of what was applied. A Deployment is applied again only when the digest of what is wanted differs."""

TTS_SERVICE = record(
    "service",
    kinds.SERVICE,
    children=(
        Child(DEPLOYMENT, projection("spec", "status", annotations=(HASH_ANNOTATION,))),
        Child(POD, STATUS_ONLY),
        Child(SERVICE, METADATA_ONLY),
    ),
)
