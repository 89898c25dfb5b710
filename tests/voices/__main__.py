"""Writes the stored voice of the present format: ``python -m tests.voices``. Done once for each ``format`` of the
voice's card; a file that is here is never written anew."""

from __future__ import annotations

import sys
from pathlib import Path

import soundfile
import torch

from tests.unit.workloads import tiny_corpus, tiny_voice
from tts_api.run import TrainingRun
from tts_api.voice import FORMAT
from tts_workloads import models, text
from tts_workloads.data import Clip, Corpus, features_of
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.sentence import Sentence
from tts_workloads.text.english.front_end import English
from tts_workloads.training.finish.export import packed
from tts_workloads.training.finish.results import describe
from tts_workloads.training.setup.assemble import Training
from tts_workloads.training.setup.weights import training_only

FOLDER = Path(__file__).parent
SENTENCES = ("Good morning.", "Doctor Zylberstein paid 20.")
WORDS = ["good", "morning", "doctor", "paid", "twenty"]


def small_front_end() -> text.FrontEnd:
    """The English front end with the few words that the sentences have."""
    whole = text.for_training("en-us")
    assert isinstance(whole, English)
    return English({word: whole._words[word] for word in WORDS}, whole._rules)


def main() -> int:
    """Write voice and recordings, unless they are there."""
    path = FOLDER / f"format-{FORMAT}.pt"
    if path.exists():
        print(f"{path} is there already", file=sys.stderr)
        return 1
    document = tiny_corpus.run_document()
    run = TrainingRun.model_validate(document)
    front_end = small_front_end()
    torch.manual_seed(1)
    symbols = torch.tensor(front_end.encode(SENTENCES[0]))
    clips = tuple(Clip(str(n), SENTENCES[0], n % 2, symbols, 0.1 * torch.randn(16000), 1.0) for n in range(4))
    corpus = Corpus(clips, ("allison", "bert"), "0" * 64, 4.0)
    features = features_of(corpus, run.dataset.audio, run.model.vocoder.frames)
    task = models.Task(run, corpus, [0, 1, 2], [3], front_end.symbols, features)
    acoustic = models.ACOUSTIC_MODELS[run.model.acoustic.name](task)
    vocoder = models.VOCODERS[run.model.vocoder.name](task, acoustic)
    acoustic.exported.durations.out.bias.data.fill_(1.5)
    training = Training(run, corpus, task.train, task.held_out, front_end, acoustic, vocoder)
    module = models.build_voice(acoustic, vocoder).eval()
    card = describe(run, training, 0, None)
    path.write_bytes(packed(module, card, front_end.files(), training_only(acoustic)))
    voice = LoadedVoice(path, None, torch.device("cpu"))
    for number, sentence in enumerate(SENTENCES):
        said = tiny_voice.synthesise(voice, Sentence(voice.front_end.encode(sentence), speaker=1))
        soundfile.write(path.with_name(f"{path.stem}-{number}.flac"), said, card.audio.sample_rate, subtype="PCM_16")
    return 0


if __name__ == "__main__":
    sys.exit(main())
