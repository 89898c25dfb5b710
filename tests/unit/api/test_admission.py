"""The admission policy names every status field that a pod must not write."""

from __future__ import annotations

import pytest

from tts_api.admission import policy
from tts_api.crd import definition
from tts_api.kinds import CUSTOM_KINDS, CustomKind


@pytest.mark.parametrize("kind", CUSTOM_KINDS, ids=lambda kind: kind.plural)
def test_every_other_status_field_is_compared(kind: CustomKind) -> None:
    schema = definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    fields = set(schema["properties"]["status"]["properties"])
    expressions = [entry["expression"] for entry in policy(kind)["spec"]["validations"]]
    compared = {f for f in fields if f"object.?status.?{f} == oldObject.?status.?{f}" in expressions}
    assert compared == fields - {kind.pod_owned_field}
