"""What ``tts check`` says about a manifest is what a real API server says: the same tables are run against both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.test_manifests import BAD, GOOD, SERVICE, SLIPS, TRAINING, with_
from tts_api.resources.service import TTSServiceSpec
from tts_api.resources.training import TTSTrainingSpec
from tts_api.run import ServiceRun, TrainingRun
from tts_cli import serve, train
from tts_cli.failure import Failure
from tts_cli.manifests import given, read

ROOT = Path(__file__).parents[3]
STRUCTURAL = {
    "no dataset": "spec.dataset: it is required",
    "steps below zero": "spec.training.maxSteps is -1: it should be greater than or equal to 0",
    "a source without a name": "spec.model.vocoder.fromTraining.name: it is required",
    "an unknown format": "spec.dataset.format is \"vctk\": it should be 'ljspeech' or 'manifest'",
    "an unknown language": "spec.dataset.language is \"tlh\": it should be 'en-us'",
    "an unknown field": "spec.training.batchsize is 3: unknown field; did you mean batchSeconds?",
    "an unknown architecture": 'spec.model.acoustic.architecture is "vits": it should be',
    "a voice without a digest": "spec.model.persistentVolumeClaim.sha256: it is required",
}
"""The words for types and bounds, where they are not those of the API server."""


def problems(folder: Path, manifest: dict[str, Any]) -> list[str]:
    path = folder / "manifest.yaml"
    path.write_text(yaml.safe_dump(manifest))
    (read_one,) = read(path).manifests
    return read_one.problems()


@pytest.mark.parametrize("manifest", GOOD.values(), ids=GOOD.keys())
def test_what_the_api_server_lets_in_has_no_problem(tmp_path: Path, manifest: dict[str, Any]) -> None:
    assert problems(tmp_path, manifest) == []


@pytest.mark.parametrize(("case", "manifest", "message"), BAD, ids=[row[0] for row in BAD])
def test_what_the_api_server_refuses_is_refused_in_its_words(
    tmp_path: Path, case: str, manifest: dict[str, Any], message: str
) -> None:
    (problem,) = problems(tmp_path, manifest)
    assert STRUCTURAL.get(case, message) in problem


@pytest.mark.parametrize(
    ("base", "path", "value", "words"), SLIPS, ids=[f"{path}={json.dumps(value)}" for _, path, value, _ in SLIPS]
)
def test_a_slip_is_refused_in_the_words_of_its_rule(
    tmp_path: Path, base: dict[str, Any], path: str, value: Any, words: str
) -> None:
    (problem,) = problems(tmp_path, with_(base, path, value))
    assert problem.startswith(path)
    assert words.rpartition(": ")[2] in problem


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    manifest = with_(with_(TRAINING, "spec.training.maxSteps", "many"), "spec.dataset.audio.nFFT", 1023)
    manifest = with_(with_(manifest, "spec.image", "x:latest"), "metadata.name", "8bit")
    found = problems(tmp_path, with_(manifest, "spec.replicas", 1))
    assert [problem.split(":")[0].split(" is ")[0] for problem in found] == [
        "spec.replicas",
        "spec.training.maxSteps",
        "metadata.name",
        "spec.dataset.audio.nFFT",
        "spec.image",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: [", "is not YAML", id="no YAML"),
        pytest.param("- 1\n", "is not a manifest: it needs apiVersion", id="a list"),
        pytest.param("kind: TTSTraining\nspec: {}\n", "apiVersion is None", id="no version"),
        pytest.param(
            "apiVersion: ttsoperator.dev/v9\nkind: TTSVoice\n", "kind is TTSVoice", id="a kind of another time"
        ),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(text)
    with pytest.raises(Failure, match=message) as failure:
        read(path)
    assert failure.value.code == 64


@pytest.mark.parametrize("manifest", [TRAINING, SERVICE], ids=["training", "service"])
@pytest.mark.parametrize("spoilt", ["metadata", "spec"])
def test_a_manifest_without_a_part_is_refused(tmp_path: Path, manifest: dict[str, Any], spoilt: str) -> None:
    for value in (..., None, 3, []):
        assert problems(tmp_path, with_(manifest, spoilt, value))


def test_the_examples_are_good() -> None:
    for path in sorted(ROOT.glob("examples/tts*.yaml")):
        assert [manifest.problems() for manifest in read(path).manifests] == [[]], path.name


@pytest.mark.parametrize(
    ("spec", "run", "unused"),
    [
        pytest.param(TTSTrainingSpec, TrainingRun, train.UNUSED, id="training"),
        pytest.param(TTSServiceSpec, ServiceRun, serve.UNUSED, id="service"),
    ],
)
def test_every_field_is_used_or_said_not_to_be(spec: Any, run: Any, unused: tuple[str, ...]) -> None:
    fields = {member.alias for member in spec.model_fields.values()}
    whole = {path for path in unused if "." not in path}
    assert fields - whole == fields & ({member.alias for member in run.model_fields.values()} | {"model"})


def test_fields_that_are_given_are_found() -> None:
    manifest = with_(TRAINING, "spec.resources.nodes", 2)
    assert given(manifest, train.UNUSED) == ["spec.dataset.source.persistentVolumeClaim.claimName", "spec.resources"]
