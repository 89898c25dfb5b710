"""The operator's settings: what cannot work is refused at the start."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tts_operator.settings import Settings

LONGEST = "registry.example.com/" + "x" * 489 + ":1"


def settings(image: str) -> Settings:
    return Settings(namespace="tts-system", workload_image=image, workload_cluster_role="tts-workload")


@pytest.mark.parametrize(
    "image",
    [
        pytest.param("registry.example.com/tts-workload:1", id="a tag"),
        pytest.param("registry.example.com/tts-workload@sha256:" + "ab" * 32, id="a digest"),
        pytest.param(LONGEST, id="as long as a status can hold"),
    ],
)
def test_an_image_of_the_pods_is_accepted(image: str) -> None:
    assert settings(image).workload_image == image


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param("", "at least 1 character", id="none"),
        pytest.param("registry.example.com/tts-workload", "needs a tag", id="no tag"),
        pytest.param("registry.example.com:5000/tts-workload", "needs a tag", id="a port is no tag"),
        pytest.param("registry.example.com/tts-workload:latest", "needs a tag other than latest", id="latest"),
        pytest.param("x" + LONGEST, "at most 512 characters", id="longer than a status can hold"),
    ],
)
def test_an_image_that_cannot_work_is_refused(image: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        settings(image)
