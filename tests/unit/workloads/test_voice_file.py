"""A voice's file from the training's end to the server's: with every vocoder it speaks as the models did, and what an
earlier version wrote still speaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from tests.unit.workloads import tiny_corpus, tiny_voice
from tests.unit.workloads.models.test_models import SMALL
from tests.voices.__main__ import FOLDER, SENTENCES
from tts_api.resources.training import Model
from tts_api.run import TrainingRun
from tts_api.voice import FORMAT
from tts_workloads import models, text
from tts_workloads.data import Clip, Corpus, features_of
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.sentence import Sentence
from tts_workloads.training.finish.export import packed
from tts_workloads.training.finish.results import describe
from tts_workloads.training.setup import weights
from tts_workloads.training.setup.assemble import Training
from tts_workloads.training.setup.starting_voices import StartingVoice, StartingVoices, resolved
from tts_workloads.voice_file import open_voice

CPU = torch.device("cpu")
TEXTS = ("Good morning.", "On 3 May 2026 it was -5 °C; she paid $12.50 for it!", "Is this the line to Xyzzy, Ltd.?")


def untrained(vocoder: str, front_end: text.FrontEnd | None = None, **parameters: Any) -> Training:
    """A training before its first step, of models whose every symbol lasts some frames."""
    front_end = front_end or text.for_training("en-us")
    document = tiny_corpus.run_document()
    document["model"]["vocoder"] = {"architecture": vocoder, "parameters": SMALL[vocoder] | parameters}
    run = TrainingRun.model_validate(document)
    torch.manual_seed(1)
    symbols = torch.tensor(front_end.encode("Good morning."))
    clips = tuple(Clip(str(n), "", n % 2, symbols, 0.1 * torch.randn(16000), 1.0) for n in range(4))
    corpus = Corpus(clips, ("a", "b"), "0" * 64, 4.0)
    features = features_of(corpus, run.dataset.audio, run.model.vocoder.frames)
    task = models.Task(run, corpus, [0, 1, 2], [3], front_end.symbols, features)
    acoustic = models.ACOUSTIC_MODELS["fastspeech2"](task)
    acoustic.exported.durations.out.bias.data.fill_(1.5)
    return Training(run, corpus, [0, 1, 2], [3], front_end, acoustic, models.VOCODERS[vocoder](task, acoustic))


@pytest.mark.parametrize("vocoder", sorted(models.VOCODERS))
def test_what_is_served_is_what_was_trained(tmp_path: Path, vocoder: str) -> None:
    training = untrained(vocoder)
    module = models.build_voice(training.acoustic, training.vocoder).eval()
    card = describe(training.run, training, 0, None)
    path = tmp_path / "voice.pt"
    path.write_bytes(packed(module, card, training.front_end.files()))
    voice = LoadedVoice(path, None, CPU)
    assert voice.card == card
    for sentence in (one for words in TEXTS for one in voice.front_end.sentences(words)):
        symbols = training.front_end.encode(sentence)
        assert voice.front_end.encode(sentence) == symbols
        with torch.inference_mode():
            vector, one = module.speaker(torch.tensor([1])), torch.ones(1)
            eager = module(torch.tensor([symbols]), torch.tensor([len(symbols)]), vector, one, one, None)[0]
        said = tiny_voice.synthesise(voice, Sentence(symbols, speaker=1))
        assert len(said) >= 2 * len(symbols) * card.audio.hop_length
        np.testing.assert_allclose(said, eager.numpy(), atol=1e-4, rtol=1e-3)


def test_every_format_so_far_is_kept() -> None:
    assert {path.name for path in FOLDER.glob("*.pt")} == {f"format-{number}.pt" for number in range(1, FORMAT + 1)}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.pt")), ids=lambda path: path.stem)
def test_a_stored_voice_still_speaks(path: Path) -> None:
    voice = LoadedVoice(path, None, CPU)
    assert voice.card.speakers == ("allison", "bert")
    for number, sentence in enumerate(SENTENCES):
        said = tiny_voice.synthesise(voice, Sentence(voice.front_end.encode(sentence), speaker=1))
        before, rate = soundfile.read(path.with_name(f"{path.stem}-{number}.flac"), dtype="float32")
        assert rate == voice.card.audio.sample_rate
        np.testing.assert_allclose(np.clip(said, -1, 1), before, atol=2e-3)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.pt")), ids=lambda path: path.stem)
def test_a_training_still_goes_on_from_a_stored_voice(path: Path) -> None:
    file = open_voice(path, None)
    source = StartingVoice("acoustic", "before", file)
    training = untrained("vocos", text.restore(file.card.front_end, file.front_end))
    sources = StartingVoices(acoustic=source, vocoder=None)
    run = training.run.model_copy(
        update={"model": Model.model_validate({"acoustic": {"fromTraining": {"name": "before"}}})}
    )
    assert resolved(run, sources).model.vocoder.name == "vocos", "a run document that names no vocoder means vocos"
    weights.start(sources, training.acoustic, training.vocoder, ("allison", "bert"))
    stored = torch.jit.load(str(path)).state_dict()
    own = training.acoustic.exported.state_dict()
    assert all(torch.equal(own[name], stored[f"acoustic_model.{name}"]) for name in own)
