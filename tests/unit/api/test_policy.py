"""The admission policy names every status field that a pod must not write."""

from __future__ import annotations

import pytest

from tts_api.crd import definitions
from tts_api.policy import POD_OWNED_FIELD, policy


@pytest.mark.parametrize("plural", sorted(POD_OWNED_FIELD))
def test_every_other_status_field_is_compared(plural: str) -> None:
    schema = definitions()[f"{plural}.yaml"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    fields = set(schema["properties"]["status"]["properties"])
    expressions = [entry["expression"] for entry in policy(plural)["spec"]["validations"]]
    compared = {f for f in fields if f"object.?status.?{f} == oldObject.?status.?{f}" in expressions}
    assert compared == fields - {POD_OWNED_FIELD[plural]}
