"""A name that a registry gains is valid at once, in documents and in the CRD; any other name is refused with a list."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from tts_api.architectures import ACOUSTIC_MODELS, VOCODERS, Architecture, Parameters
from tts_api.base import CEL, RelativePath
from tts_api.choices import DATASET_FORMATS, LANGUAGES, OneOf
from tts_api.crd import definitions
from tts_api.resources.training import TTSTrainingSpec
from tts_api.run import TrainingRun
from tts_api.voice import VoiceCard


class ToyParameters(Parameters):
    """The parameters of a toy."""

    width: Annotated[int, Field(ge=1, le=8)] = 2
    """Channels."""


TOY = Architecture("toy", ToyParameters, trained=True)
FREE_TOY = Architecture("toy", ToyParameters, trained=False)
SOURCE = {"persistentVolumeClaim": {"claimName": "speech"}}
CHOICES: dict[str, tuple[dict[str, Any], Any, dict[str, Any]]] = {
    "acoustic model": (ACOUSTIC_MODELS, TOY, {"model": {"acoustic": {"architecture": "toy"}}}),
    "vocoder": (VOCODERS, TOY, {"model": {"vocoder": {"architecture": "toy"}}}),
    "dataset format": (DATASET_FORMATS, "toy.txt", {"dataset": {"format": "toy"}}),
    "language": (LANGUAGES, "Toy", {"dataset": {"language": "toy"}}),
}
"""Each registry, an entry for it, and the part of a document that names the entry."""


def spec(given: dict[str, Any]) -> TTSTrainingSpec:
    dataset = {"format": "ljspeech", "source": SOURCE} | given.get("dataset", {})
    return TTSTrainingSpec.model_validate({"training": {"maxSteps": 1}} | given | {"dataset": dataset})


def run(given: dict[str, Any]) -> TrainingRun:
    dataset = {"format": "ljspeech", "language": "en-us", "audio": {}} | given.get("dataset", {})
    fixed = {"output": "voice", "model": {}, "training": {"maxSteps": 1}}
    return TrainingRun.model_validate(fixed | given | {"dataset": dataset})


def crd_spec() -> dict[str, Any]:
    version = definitions()["ttstrainings.yaml"]["spec"]["versions"][0]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


def enums(schema: dict[str, Any]) -> list[list[str]]:
    inner = [values for child in schema.get("properties", {}).values() for values in enums(child)]
    return [*inner, schema["enum"]] if "enum" in schema else inner


@pytest.mark.parametrize("choice", CHOICES)
def test_a_name_in_the_registry_is_valid_in_documents_and_in_the_crd(
    monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    registry, entry, given = CHOICES[choice]
    for document in (spec, run):
        with pytest.raises(ValidationError, match="toy"):
            document(given)
    assert not any("toy" in names for names in enums(crd_spec()))
    monkeypatch.setitem(registry, "toy", entry)
    assert run(given).model == spec(given).model
    assert list(registry) in enums(crd_spec())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(
            {"model": {"vocoder": {"architecture": "wavenet"}}},
            r"vocoder\.architecture\n  Input should be 'world', 'vocos', 'hifigan', 'ddsp' or 'griffinlim' .*'wavenet'",
            id="vocoder",
        ),
        pytest.param(
            {"model": {"acoustic": {"architecture": "vits"}}},
            r"model\.acoustic\.architecture\n  Input should be 'fastspeech2' .*'vits'",
            id="acoustic model",
        ),
        pytest.param(
            {"dataset": {"format": "vctk"}},
            r"dataset\.format\n  Input should be 'ljspeech' or 'manifest' .*'vctk'",
            id="dataset format",
        ),
        pytest.param(
            {"dataset": {"language": "de"}}, r"dataset\.language\n  Input should be 'en-us' .*'de'", id="language"
        ),
        pytest.param(
            {"dataset": {"language": ["en-us"]}},
            r"dataset\.language\n  Input should be 'en-us' .*\['en-us'\]",
            id="a list where a name is wanted",
        ),
    ],
)
def test_a_wrong_name_is_refused_with_field_value_and_the_names_there_are(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        spec(given)


def test_the_crd_holds_the_parameters_of_a_new_architecture_to_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACOUSTIC_MODELS, "toy", TOY)
    messages = [entry["message"] for entry in crd_spec()["properties"]["model"]["properties"]["acoustic"][CEL]]
    assert "toy's width must be >= 1 and <= 8 and a whole number" in messages


def test_the_crd_gives_no_steps_to_any_vocoder_without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VOCODERS, "toy", FREE_TOY)
    refused = [entry["message"] for entry in crd_spec()[CEL] if "is not trained" in entry["message"]]
    assert [message.split()[0] for message in refused] == ["world", "griffinlim", "toy"]
    (enough,) = (entry["rule"] for entry in crd_spec()[CEL] if "vocoder has no steps" in entry["message"])
    assert "== 'griffinlim'" in enough
    assert "== 'toy'" in enough


def test_a_card_names_a_language_of_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    languages: TypeAdapter[tuple[str, ...]] = TypeAdapter(VoiceCard.model_fields["languages"].annotation)
    with pytest.raises(ValidationError, match="Input should be 'en-us'"):
        languages.validate_python(["x-toy"])
    monkeypatch.setitem(LANGUAGES, "x-toy", "ten words")
    assert languages.validate_python(["x-toy"]) == ("x-toy",)


def test_the_words_of_a_field_name_every_choice() -> None:
    properties = crd_spec()["properties"]
    for registry, field in (
        (DATASET_FORMATS, properties["dataset"]["properties"]["format"]),
        (ACOUSTIC_MODELS, properties["model"]["properties"]["acoustic"]["properties"]["architecture"]),
        (VOCODERS, properties["model"]["properties"]["vocoder"]["properties"]["architecture"]),
    ):
        assert [name for name in registry if name not in field["description"]] == []


def test_a_choice_keeps_the_other_bounds_of_its_string() -> None:
    with pytest.raises(ValidationError, match="must be a path from the root of the volume"):
        TypeAdapter(Annotated[RelativePath, OneOf({"../up": None})]).validate_python("../up")
