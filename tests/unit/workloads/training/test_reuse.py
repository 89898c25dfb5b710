"""Trainings that start from what another one left: a vocoder or an acoustic model as it is, a voice trained further, a
speaker added; and what is said where they do not fit."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.workloads import tiny_corpus, tiny_voice
from tts_api import architectures
from tts_api.report import TerminationMessage
from tts_api.run import TrainingRun
from tts_api.voice import TRAINING_FILE, VoiceCard
from tts_workloads import models, text
from tts_workloads.data import Clip, Corpus, features_of
from tts_workloads.training.finish.export import packed
from tts_workloads.training.processes.launch import launch
from tts_workloads.training.setup import weights as weights_of
from tts_workloads.training.setup.starting_voices import StartingVoice, StartingVoices
from tts_workloads.voice_file import open_voice

BASE = {"fromTraining": {"name": "base"}}
SMALL = {"hiddenSize": 32, "encoderLayers": 1, "decoderLayers": 1}
TINY = {"hiddenSize": 32, "layers": 1, "discriminatorChannels": 0}
WHOLE = {"acoustic": BASE, "vocoder": BASE}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished voice of a training on clips of two speakers."""
    folder = tmp_path_factory.mktemp("base")
    vocoder = {"architecture": "vocos", "parameters": TINY}
    workspace = tiny_corpus.write_workspace(folder, dataset__format="manifest", model__vocoder=vocoder)
    write_manifest(workspace, ["ann", "bob"])
    with pytest.MonkeyPatch.context() as patch:
        return trained(workspace, patch)


def write_manifest(workspace: Path, speakers: list[str]) -> None:
    """The corpus of tones as a manifest, its clips said by these in turn."""
    folder = workspace / "data" / "tones"
    lines = [line.split("|") for line in (folder / "metadata.csv").read_text().splitlines()]
    entries = [
        {"audio": f"wavs/{name}.wav", "text": text, "speaker": speakers[place % len(speakers)]}
        for place, (name, text) in enumerate(lines)
    ]
    (folder / "manifest.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def run_in(workspace: Path, patch: pytest.MonkeyPatch) -> tuple[int, TerminationMessage]:
    patch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
    code = launch(workspace / "run.json", workspace)
    return code, TerminationMessage.model_validate_json((workspace / "log").read_text())


def trained(workspace: Path, patch: pytest.MonkeyPatch) -> Path:
    code, said = run_in(workspace, patch)
    assert code == 0, said.message
    assert said.result is not None
    return workspace / "checkpoints" / said.result.artifact.path


def going_on(folder: Path, base: Path, **changes: Any) -> Path:
    """A workspace whose run starts from the voice ``base`` as its ``model`` says."""
    model = changes.pop("model")
    workspace = tiny_corpus.write_workspace(folder, dataset__format="manifest", model=model, **changes)
    write_manifest(workspace, ["cid"])
    sha256 = open_voice(base).sha256
    run = json.loads((workspace / "run.json").read_text())
    run["sources"] = {}
    for part, options in model.items():
        if "fromTraining" in options:
            (workspace / "sources" / part).mkdir(parents=True)
            shutil.copy(base, workspace / "sources" / part / "voice.pt")
            run["sources"][part] = {"path": "voice.pt", "sha256": sha256}
    (workspace / "run.json").write_text(json.dumps(run))
    return workspace


def weights(voice: Path, prefix: str) -> dict[str, torch.Tensor]:
    state = torch.jit.load(str(voice)).state_dict()
    return {name: tensor for name, tensor in state.items() if name.startswith(prefix)}


def changed(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> set[str]:
    assert one.keys() == other.keys()
    return {name for name in one if not torch.equal(one[name], other[name])}


def test_a_vocoder_is_used_as_it_is(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = going_on(
        tmp_path / "w", base, model={"acoustic": {"parameters": SMALL}, "vocoder": BASE}, training__vocoderMaxSteps=0
    )
    voice = trained(workspace, monkeypatch)
    assert changed(weights(voice, "vocoder."), weights(base, "vocoder.")) == set()
    card = open_voice(voice).card
    assert card.speakers == ("cid",)
    assert card.provenance.steps == 6
    assert (card.provenance.vocoder_from, card.provenance.acoustic_from) == (open_voice(base).sha256, None)
    # What the run left out is the source's, and the card has it in full.
    assert card.model.vocoder.architecture == "vocos"
    assert card.model.vocoder.parameters == open_voice(base).card.model.vocoder.parameters
    assert card.model.vocoder.parameters["hiddenSize"] == 32
    page = (workspace / "checkpoints/voice/report/model-card.md").read_text()
    assert "| Acoustic model | fastspeech2 (hiddenSize 32, " in page
    assert f", from that of the training base (voice `{open_voice(base).sha256}`) |" in page


def test_an_acoustic_model_gets_another_vocoder(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = {"acoustic": BASE, "vocoder": {"architecture": "vocos", "parameters": TINY | {"hiddenSize": 48}}}
    workspace = going_on(tmp_path / "w", base, model=model, training__maxSteps=0)
    voice = trained(workspace, monkeypatch)
    card = open_voice(voice).card
    # The speaker of the corpus is new to the model, which learns nothing: its row is the mean of the others.
    assert card.speakers == ("cid", "ann", "bob")
    assert (
        changed(
            {name: w for name, w in weights(voice, "acoustic_model.").items() if "speakers" not in name},
            {name: w for name, w in weights(base, "acoustic_model.").items() if "speakers" not in name},
        )
        == set()
    )
    new, old = weights(voice, "speakers")["speakers.weight"], weights(base, "speakers")["speakers.weight"]
    torch.testing.assert_close(new, torch.stack([old.mean(0), old[0], old[1]]))
    assert card.provenance.steps == 4
    assert card.model.vocoder.parameters["hiddenSize"] == 48


def test_a_voice_learns_another_speaker_and_keeps_the_others(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How a model is trained may change: its weights do not depend on it.
    model = {"acoustic": BASE | {"parameters": {"dropout": 0.3}}, "vocoder": BASE}
    workspace = going_on(tmp_path / "w", base, model=model, training__maxSteps=3, training__vocoderMaxSteps=2)
    voice = trained(workspace, monkeypatch)
    card = open_voice(voice).card
    assert card.model.acoustic.parameters == open_voice(base).card.model.acoustic.parameters | {"dropout": 0.3}
    assert card.speakers == ("cid", "ann", "bob")
    assert card.provenance.steps == 5
    assert card.provenance.acoustic_from == card.provenance.vocoder_from == open_voice(base).sha256
    assert "vocoder.head.weight" in changed(weights(voice, "vocoder."), weights(base, "vocoder."))
    statistics = {"acoustic_model.pitch_mean", "acoustic_model.pitch_std", "acoustic_model.mel_mean"}
    ours, theirs = weights(voice, "acoustic_model."), weights(base, "acoustic_model.")
    del ours["acoustic_model.speakers.weight"], theirs["acoustic_model.speakers.weight"]
    moved = changed(ours, theirs)
    assert "acoustic_model.mel.weight" in moved
    assert statistics & moved == set()
    # Three steps lead not far from where it started, and far from where a new model would.
    distances = {name: float((ours[name] - theirs[name]).abs().max()) for name in moved}
    assert max(distances.values()) < 0.05, distances
    unchanged = {"training__maxSteps": 0, "training__vocoderMaxSteps": 0}
    again = trained(going_on(tmp_path / "again", voice, model=WHOLE, **unchanged), monkeypatch)
    assert open_voice(again).card.speakers == ("cid", "ann", "bob")
    assert changed(weights(again, "speakers"), weights(voice, "speakers")) == set()


def test_two_finished_models_become_a_voice_without_a_step(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = going_on(tmp_path / "w", base, model=WHOLE, training__maxSteps=0, training__vocoderMaxSteps=0)
    voice = trained(workspace, monkeypatch)
    assert changed(weights(voice, "vocoder."), weights(base, "vocoder.")) == set()
    _, said = run_in(workspace, monkeypatch)
    assert said.step == 0
    assert said.result is not None
    assert said.result.evaluation is not None


@pytest.mark.parametrize("vocoder", sorted(name for name, a in architectures.VOCODERS.items() if a.trained))
def test_each_architecture_goes_on_as_it_was(vocoder: str, tmp_path: Path) -> None:
    small = {"hifigan": {"version": 2, "discriminatorChannels": 1}}.get(vocoder, TINY)
    document = tiny_corpus.run_document()
    document["model"] = {"acoustic": {"parameters": SMALL}, "vocoder": {"architecture": vocoder, "parameters": small}}
    run = TrainingRun.model_validate(document)
    front_end = text.for_training("en-us")

    def stages(seed: int) -> tuple[models.AcousticStage, models.VocoderStage]:
        torch.manual_seed(seed)
        symbols = torch.arange(1, 20)
        corpus = Corpus((Clip("noise", "", 0, symbols, 0.1 * torch.randn(16000), 1.0),), ("one",), "0" * 64, 1.0)
        seeded = run.model_copy(update={"training": run.training.model_copy(update={"seed": seed})})
        features = features_of(corpus, run.dataset.audio, run.model.vocoder.frames)
        task = models.Task(seeded, corpus, [0], [], front_end.symbols, features)
        acoustic = models.ACOUSTIC_MODELS["fastspeech2"](task)
        return acoustic, models.VOCODERS[vocoder](task, acoustic)

    first, again = stages(1), stages(2)
    card = tiny_voice.card(front_end, speakers=("one",), model=run.model)
    path = tmp_path / "voice.pt"
    path.write_bytes(packed(models.build_voice(*first), card, front_end.files(), weights_of.training_only(first[0])))
    source = {part: StartingVoice(part, "base", open_voice(path)) for part in ("acoustic", "vocoder")}
    weights_of.start(StartingVoices(**source), *again, ["one"])
    exported = (first[1].exported, again[1].exported)
    for one, other in ((first[0].training_module, again[0].training_module), exported):
        assert changed(one.state_dict(), other.state_dict()) == set()


def other_card(voice: Path, change: Any) -> str:
    """Write the voice again with another card; gives its digest."""
    other = voice.with_suffix(".other")
    with zipfile.ZipFile(voice) as old, zipfile.ZipFile(other, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename.endswith("/extra/voice.json"):
                card = VoiceCard.model_validate_json(data)
                data = change(card).model_dump_json(by_alias=True, exclude_none=True).encode()
            if not (change is no_training and info.filename.endswith(TRAINING_FILE)):
                new.writestr(info, data)
    other.replace(voice)
    return open_voice(voice).sha256


def no_training(card: VoiceCard) -> VoiceCard:
    return card


def front_end_of(version: int) -> Any:
    return lambda card: card.model_copy(update={"front_end": card.front_end.model_copy(update={"version": version})})


def model_of(part: str, **changes: Any) -> Any:
    def change(card: VoiceCard) -> VoiceCard:
        model = getattr(card.model, part).model_copy(update=changes)
        return card.model_copy(update={"model": card.model.model_copy(update={part: model})})

    return change


VOCODER = {"acoustic": {"parameters": SMALL}, "vocoder": BASE}
ACOUSTIC = {"acoustic": BASE, "vocoder": {"architecture": "vocos"}}


GRIFFINLIM = model_of("vocoder", architecture="griffinlim", parameters={})
OF_BASE = {"acoustic": "the acoustic model of the training base", "vocoder": "the vocoder of the training base"}
OTHER_VERSION = "was written by another version of this image and does not fit:"


@pytest.mark.parametrize(
    ("model", "changes", "spoil", "reason", "words"),
    [
        pytest.param(
            VOCODER,
            {"dataset__audio": {"sampleRate": 16000, "nMels": 64}},
            None,
            "InvalidParameters",
            [
                f"dataset.audio.nMels is 64, but {OF_BASE['vocoder']} was trained with 80: set it to 80, or",
                "leave model.vocoder.fromTraining out to train a vocoder from nothing",
            ],
            id="another mel",
        ),
        pytest.param(
            ACOUSTIC,
            {"dataset__audio": {}},
            None,
            "InvalidParameters",
            [
                f"dataset.audio.sampleRate is 22050, but {OF_BASE['acoustic']} was trained with 16000: set it to",
                "16000, or leave model.acoustic.fromTraining out to train an acoustic model from nothing",
            ],
            id="another sample rate",
        ),
        pytest.param(
            {"acoustic": BASE | {"parameters": {"hiddenSize": 64}}},
            {},
            None,
            "InvalidParameters",
            [f"model.acoustic.parameters.hiddenSize is 64, but {OF_BASE['acoustic']} has 32: leave it out, or"],
            id="another size",
        ),
        pytest.param(
            {"vocoder": BASE | {"parameters": {"width": 64}}},
            {},
            None,
            "InvalidParameters",
            [f"model.vocoder.parameters.width is 64, but {OF_BASE['vocoder']} has no such parameter: leave it out, or"],
            id="an unknown parameter",
        ),
        pytest.param(
            {"acoustic": BASE, "vocoder": {"architecture": "world"}},
            {},
            None,
            "InvalidParameters",
            [
                f"model.vocoder.architecture is world, but {OF_BASE['acoustic']} speaks through vocos and predicts",
                "other frames: set it to vocos or hifigan or ddsp or griffinlim, or",
                "leave model.acoustic.fromTraining out to train an acoustic model from nothing",
            ],
            id="frames of another kind",
        ),
        pytest.param(
            {"vocoder": BASE | {"architecture": "vocos"}},
            {},
            GRIFFINLIM,
            "InvalidParameters",
            [f"model.vocoder.architecture is vocos, but {OF_BASE['vocoder']} has griffinlim: leave it out, or"],
            id="another architecture",
        ),
        pytest.param(
            {"vocoder": BASE},
            {},
            GRIFFINLIM,
            "InvalidParameters",
            [
                f"{OF_BASE['vocoder']} is griffinlim, which has no weights: set model.vocoder.architecture to",
                "griffinlim and leave model.vocoder.fromTraining out",
            ],
            id="nothing to take",
        ),
        pytest.param(
            {"vocoder": BASE},
            {},
            model_of("vocoder", parameters=TINY | {"hiddenSize": 48}),
            "UnsupportedVoice",
            [f"{OF_BASE['vocoder']} {OTHER_VERSION} ", "Train with the image that it was trained with, or leave model"],
            id="weights of another shape",
        ),
        pytest.param(
            ACOUSTIC,
            {},
            front_end_of(99),
            "UnsupportedVoice",
            [f"{OF_BASE['acoustic']} cannot be used: the voice needs version 99 of the front end en-us"],
            id="other symbols",
        ),
        pytest.param(
            ACOUSTIC,
            {},
            no_training,
            "UnsupportedVoice",
            [f"{OF_BASE['acoustic']} {OTHER_VERSION} it has no aligner"],
            id="nothing to train on from",
        ),
        pytest.param(
            VOCODER,
            {},
            lambda voice: voice.unlink(),
            "ModelMissing",
            ["model.vocoder.fromTraining, base: there is no voice at "],
            id="no file",
        ),
        pytest.param(
            ACOUSTIC,
            {},
            lambda voice: voice.write_bytes(b"torn"),
            "DigestMismatch",
            ["model.acoustic.fromTraining, base: the voice ", "restore the file"],
            id="another file",
        ),
        pytest.param(
            VOCODER,
            {"training__maxSteps": 0},
            None,
            "InvalidRun",
            ["training.maxSteps is 0, and there is no model.acoustic.fromTraining to take a model from"],
            id="no acoustic model",
        ),
        pytest.param(
            {"vocoder": {"architecture": "vocos"}},
            {"training__vocoderMaxSteps": 0},
            None,
            "InvalidRun",
            ["the vocoder has no steps, and there is no model.vocoder.fromTraining to take one from"],
            id="no vocoder",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_both_values_and_a_remedy(
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: dict[str, Any],
    changes: dict[str, Any],
    spoil: Any,
    reason: str,
    words: list[str],
) -> None:
    workspace = going_on(tmp_path / "w", base, model=model, **changes)
    for voice in workspace.glob("sources/*/voice.pt"):
        if reason in ("ModelMissing", "DigestMismatch"):
            spoil(voice)
        elif spoil is not None:
            run = json.loads((workspace / "run.json").read_text())
            run["sources"][voice.parent.name]["sha256"] = other_card(voice, spoil)
            (workspace / "run.json").write_text(json.dumps(run))
    code, said = run_in(workspace, monkeypatch)
    assert (code, said.reason) == (64, reason), said.message
    for part in words:
        assert part in said.message


def test_a_source_that_was_not_resolved_is_no_run(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = going_on(tmp_path / "w", base, model=VOCODER)
    run = json.loads((workspace / "run.json").read_text())
    (workspace / "run.json").write_text(json.dumps(run | {"sources": {}}))
    code, said = run_in(workspace, monkeypatch)
    assert (code, said.reason) == (64, "InvalidRun")
    assert "model.vocoder.fromTraining and sources.vocoder go together: give both or neither" in said.message


def test_a_volume_that_answers_badly_is_asked_again(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is not there is a mistake; one that cannot be read just now may be readable to the next pod."""
    workspace = going_on(tmp_path / "w", base, model=VOCODER)
    voice = workspace / "sources/vocoder/voice.pt"
    voice.unlink()
    voice.symlink_to("/proc/self/mem")  # reading it is an input/output error
    code, said = run_in(workspace, monkeypatch)
    assert (code, said.reason) == (1, "WorkloadFailed")


def test_a_corpus_of_the_same_speaker_trains_that_speaker(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = going_on(tmp_path / "w", base, model=WHOLE, training__maxSteps=2, training__vocoderMaxSteps=0)
    write_manifest(workspace, ["bob"])
    voice = trained(workspace, monkeypatch)
    assert open_voice(voice).card.speakers == ("bob", "ann")
    new, old = weights(voice, "speakers")["speakers.weight"], weights(base, "speakers")["speakers.weight"]
    assert not torch.equal(new[0], old[1])
    torch.testing.assert_close(new[1], old[0], atol=1e-3, rtol=0)
