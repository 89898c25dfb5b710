"""Models and vocoders by what they promise: padding changes nothing, chunks equal the whole, scripted equals eager."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor, nn

from tests.unit.workloads import tiny_corpus
from tts_api import architectures
from tts_api.architectures import (
    DdspParameters,
    FastSpeech2Parameters,
    GriffinLimParameters,
    HifiganParameters,
    VocosParameters,
)
from tts_api.resources.training import AudioFeatures
from tts_api.resources.training_options import Augmentation
from tts_api.run import TrainingRun
from tts_workloads import models, text
from tts_workloads.audio import SILENCE, LogMel
from tts_workloads.data import Clip, Corpus, features_of
from tts_workloads.exits import BadInput
from tts_workloads.models.acoustic.fastspeech2.model import FastSpeech2
from tts_workloads.models.layers import expand
from tts_workloads.models.spectral import Overlap, Resolution, spectral_distance
from tts_workloads.models.stage import Stage
from tts_workloads.models.vocoder import vocos
from tts_workloads.models.vocoder.adversarial import adversarial_losses
from tts_workloads.models.vocoder.ddsp import Ddsp
from tts_workloads.models.vocoder.griffinlim import GriffinLim
from tts_workloads.models.vocoder.hifigan import Hifigan, receptive_field_frames, upsampling_rates
from tts_workloads.models.vocoder.losses import VocoderTraining
from tts_workloads.models.vocoder.pulses import harmonics, turning

AUDIO = AudioFeatures(sample_rate=16000)
SMALL: dict[str, dict[str, int]] = {
    "vocos": {"hiddenSize": 32, "layers": 1, "discriminatorChannels": 1},
    "ddsp": {"hiddenSize": 32, "layers": 1, "discriminatorChannels": 1, "pretrainingSteps": 0},
    "hifigan": {"version": 2, "discriminatorChannels": 1},
    "griffinlim": {},
    "world": {},
}
"""Each vocoder as small as a test wants it."""
TRAINED = [name for name, vocoder in architectures.VOCODERS.items() if vocoder.trained]
EVERYTHING = Augmentation(gain_decibels=6, speed=0.2, noise=0.2, masked=0.3)


def acoustic_model(**parameters: int) -> FastSpeech2:
    torch.manual_seed(0)
    sizes = FastSpeech2Parameters.model_validate(
        {"hiddenSize": 32, "encoderLayers": 2, "decoderLayers": 2, **parameters}
    )
    return FastSpeech2(sizes, symbols=20, speakers=2, n_mels=80).eval()


def vocoder(layers: int = 2) -> vocos.Vocos:
    torch.manual_seed(0)
    return vocos.Vocos(VocosParameters(hidden_size=32, layers=layers), AUDIO).eval()


def spoken(model: nn.Module, tokens: Tensor, lengths: Tensor, speed: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    count = len(tokens)
    speakers = model.speakers(torch.arange(count) % 2)
    said: tuple[Tensor, Tensor, Tensor] = model(
        tokens, lengths, speakers, torch.full((count,), speed), torch.ones(count), torch.ones(count)
    )
    return said


def test_every_architecture_of_the_api_has_its_model_and_the_other_way_round() -> None:
    assert set(models.ACOUSTIC_MODELS) == set(architectures.ACOUSTIC_MODELS)
    assert set(models.VOCODERS) == set(architectures.VOCODERS)


@torch.inference_mode()
def test_a_sentence_sounds_the_same_whatever_else_is_in_its_batch() -> None:
    model = acoustic_model()
    tokens = torch.randint(1, 20, (2, 9))
    tokens[0, 5:] = 0
    mel, frames, durations = spoken(model, tokens, torch.tensor([5, 9]))
    alone, alone_frames, alone_durations = spoken(model, tokens[:1, :5], torch.tensor([5]))
    assert frames[0] == alone_frames[0] == durations[0].sum()
    assert durations[0, :5].tolist() == alone_durations[0].tolist()
    torch.testing.assert_close(mel[0, :, : int(frames[0])], alone[0], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_twice_the_speed_is_half_the_frames() -> None:
    model = acoustic_model()
    model.durations.out.bias.data.fill_(math.log(12.0))
    tokens = torch.randint(1, 20, (1, 30))
    _, slow, _ = spoken(model, tokens, torch.tensor([30]))
    _, fast, _ = spoken(model, tokens, torch.tensor([30]), speed=2.0)
    assert abs(int(fast) * 2 - int(slow)) <= 1


def test_each_symbol_is_spread_over_its_frames() -> None:
    x = torch.tensor([[[1.0], [2.0], [3.0]]])
    assert expand(x, torch.tensor([[2, 0, 3]]), 6).flatten().tolist() == [1, 1, 3, 3, 3, 3]


@torch.inference_mode()
@pytest.mark.parametrize("layers", [1, 3])
def test_a_chunk_with_its_context_equals_the_whole(layers: int) -> None:
    model = vocoder(layers)
    field = vocos.receptive_field_frames(VocosParameters(hidden_size=32, layers=layers), AUDIO)
    mel = torch.randn(1, 80, 90) - 5
    whole = model(mel)
    first, last = 40, 55
    chunk = model(mel[:, :, first - field : last + field])
    hop = AUDIO.hop_length
    torch.testing.assert_close(
        chunk[:, field * hop : -field * hop], whole[:, first * hop : last * hop], atol=1e-5, rtol=1e-4
    )
    less = model(mel[:, :, first - field + 1 : last + field - 1])
    difference = less[:, (field - 1) * hop : -(field - 1) * hop] - whole[:, first * hop : last * hop]
    assert difference.abs().max() > 1e-5, "the receptive field is stated larger than it is"


@pytest.mark.parametrize(("version", "hop_length"), [(2, 256), (2, 200), (3, 300)])
def test_a_chunk_of_hifigan_with_its_context_equals_the_whole(version: int, hop_length: int) -> None:
    """Version 1 has the kernels of 2."""
    torch.manual_seed(0)
    parameters, audio = HifiganParameters(version=version), AudioFeatures(sample_rate=16000, hop_length=hop_length)
    field = receptive_field_frames(parameters, audio)
    model = Hifigan(parameters, audio).eval()
    first, last = field + 3, field + 7
    mel = (torch.randn(1, 80, 2 * field + 10) - 5).requires_grad_()
    whole = model(mel)[:, first * hop_length : last * hop_length]
    chunk = model(mel[:, :, first - field : last + field])[:, field * hop_length : -field * hop_length]
    torch.testing.assert_close(chunk, whole, atol=1e-5, rtol=1e-4)

    (felt,) = torch.autograd.grad(whole.abs().sum(), mel)
    frames = felt.abs().sum((0, 1)).nonzero().flatten()
    reach = max(first - int(frames[0]), int(frames[-1]) - (last - 1))
    assert field - 1 <= reach <= field, "the receptive field is stated larger than it is"


@torch.inference_mode()
def test_spectra_go_there_and_back() -> None:
    overlap = Overlap(1024, 256)
    waveform = torch.randn(2, 256 * 20)
    back = overlap.inverse(overlap(waveform))
    inside = slice(512, -512)
    torch.testing.assert_close(back[:, inside], waveform[:, inside], atol=1e-4, rtol=0)


@torch.inference_mode()
def test_griffin_lim_finds_a_sound_with_that_mel() -> None:
    at = torch.arange(256 * 60) / AUDIO.sample_rate
    waveform = sum(0.2 / k * torch.sin(2 * math.pi * 180 * k * at) for k in range(1, 12))[None]
    mel = LogMel(AUDIO)(waveform)
    made = GriffinLim(GriffinLimParameters(iterations=60), AUDIO)(mel)
    assert made.shape == waveform.shape
    assert spectral_distance(made, waveform, Resolution(1024, 256)) < 0.5 * spectral_distance(
        torch.randn_like(waveform) * 0.1, waveform, Resolution(1024, 256)
    )
    assert torch.equal(made, GriffinLim(GriffinLimParameters(iterations=60), AUDIO)(mel)), "nothing is drawn at random"


def task(vocoder_name: str, **audio: int) -> models.Task:
    document = tiny_corpus.run_document()
    document["model"]["vocoder"] = {"architecture": vocoder_name, "parameters": SMALL[vocoder_name]}
    document["dataset"]["audio"] |= audio
    torch.manual_seed(1)
    clips = tuple(Clip(str(n), "", n % 2, torch.randint(1, 40, (12,)), 0.1 * torch.randn(16000), 1.0) for n in range(4))
    corpus = Corpus(clips, ("a", "b"), "0" * 64, 4.0)
    run = TrainingRun.model_validate(document)
    features = features_of(corpus, run.dataset.audio, run.model.vocoder.frames)
    return models.Task(run, corpus, [0, 1, 2], [3], [str(n) for n in range(40)], features)


@pytest.mark.parametrize("name", sorted(models.VOCODERS))
def test_a_scripted_voice_speaks_as_the_eager_one(name: str) -> None:
    one = task(name)
    acoustic = models.ACOUSTIC_MODELS["fastspeech2"](one)
    voice = models.build_voice(acoustic, models.VOCODERS[name](one, acoustic)).eval()
    scripted = torch.jit.script(voice)
    tokens, lengths = torch.randint(1, 40, (2, 8)), torch.tensor([8, 5])
    arguments = (tokens, lengths, voice.speaker(torch.tensor([0, 1])), torch.ones(2), torch.ones(2), None)
    with torch.inference_mode(), torch.jit.optimized_execution(should_optimize=False):
        eager, said = voice(*arguments), scripted(*arguments)
        torch.testing.assert_close(said, eager, atol=1e-5, rtol=1e-4)
        mel, frames, _ = scripted.acoustic(*arguments)
        assert eager.shape == (2, int(frames.max()) * AUDIO.hop_length) == scripted.vocode(mel).shape
        assert int(frames[1]) < int(frames[0])
        assert not said[1, int(frames[1]) * AUDIO.hop_length :].any(), "silence behind the shorter utterance's end"


def stages(vocoder_name: str) -> list[Stage]:
    one = task(vocoder_name)
    acoustic = models.ACOUSTIC_MODELS["fastspeech2"](one)
    return [acoustic, models.VOCODERS[vocoder_name](one, acoustic)]


def batch_of(stage: Stage, *clips: int) -> Any:
    """A batch of these clips, as the loop makes it."""
    stage.prepare(clips)
    return stage.collate([(clip,) for clip in clips])


@pytest.mark.parametrize(
    ("name", "changed"),
    [*((name, Augmentation()) for name in TRAINED), ("ddsp", EVERYTHING)],
    ids=[*TRAINED, "ddsp-augmented"],
)
def test_what_is_measured_falls(name: str, changed: Augmentation) -> None:
    for stage in stages(name):
        optimizer = torch.optim.AdamW(stage.training_module.parameters(), lr=2e-3)
        seen = []
        for step in range(25):
            torch.manual_seed(step % 2)
            losses = stage.training_module(batch_of(stage, 0, 1, 2).augmented(changed), step)
            assert all(torch.isfinite(value) for value in losses.values())
            losses["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
            seen.append(float(losses["mel"].detach()))
        assert sum(seen[-4:]) < 0.95 * sum(seen[:4]), f"{stage.name}: {seen}"


@pytest.mark.parametrize("step", [0, 10_000])
@pytest.mark.parametrize("name", TRAINED)
def test_every_weight_is_trained(name: str, step: int) -> None:
    for stage in stages(name):
        stage.training_module(batch_of(stage, 0, 1), step)["loss"].backward()
        assert [name for name, weight in stage.training_module.named_parameters() if weight.grad is None] == []


@pytest.mark.parametrize("name", TRAINED)
def test_discriminators_learn_to_tell_and_the_vocoder_to_pass(name: str) -> None:
    _, stage = stages(name)
    training = stage.training_module
    assert isinstance(training, VocoderTraining)
    assert training.discriminators is not None
    batch = batch_of(stage, 0, 1)
    made, _ = training.make(batch)
    judged = adversarial_losses(training.discriminators, made, batch.waveform)

    def reached(loss: Tensor) -> tuple[bool, bool]:
        """Whether a loss has a gradient for the vocoder and for its discriminators."""
        training.zero_grad(set_to_none=True)
        loss.backward(retain_graph=True)
        of_vocoder, of_judges = (
            any(weight.grad is not None and weight.grad.any() for weight in part.parameters())
            for part in (training.model, training.discriminators)
        )
        return of_vocoder, of_judges

    assert reached(judged.discriminator) == (False, True)
    assert reached(judged.generator) == (True, False)
    assert reached(judged.features) == (True, False)


def test_the_discriminators_join_after_the_pretraining() -> None:
    _, stage = stages("ddsp")
    stage.training_module.alone_steps = 3
    batch = batch_of(stage, 0, 1)
    assert "generator" not in stage.training_module(batch, 2)
    assert "generator" in stage.training_module(batch, 3)
    assert "generator" not in stage.training_module.eval()(batch, 3), "held-out clips are measured alike at every step"


PUBLISHED_MILLIONS = {1: 13.92, 2: 0.92, 3: 1.46}
"""Weights of the generators in table 1 of Kong, Kim and Bae 2020."""


@pytest.mark.parametrize(("version", "millions"), PUBLISHED_MILLIONS.items())
def test_hifigan_has_as_many_weights_as_published(version: int, millions: float) -> None:
    model = Hifigan(HifiganParameters(version=version), AudioFeatures())
    assert math.floor(sum(weight.numel() for weight in model.parameters()) / 1e4) / 100 == millions


def test_fastspeech2_of_the_published_size_has_the_published_blocks() -> None:
    """The paper's model has about 27 million weights. The blocks, nine tenths of them, are as large here; beside them
    the paper has predictors of pitch, as a spectrum of wavelets, and of energy, and a table of 256 rows for either,
    where this model has one predictor for both and a convolution."""
    sizes = {
        "hiddenSize": 256,
        "encoderLayers": 4,
        "decoderLayers": 4,
        "attentionHeads": 2,
        "filterSize": 1024,
        "kernelSize": 9,
    }
    symbols = len(text.for_training("en-us").symbols)
    model = FastSpeech2(FastSpeech2Parameters.model_validate(sizes), symbols=symbols, speakers=1, n_mels=80)

    def weights(*parts: nn.Module) -> int:
        return sum(weight.numel() for part in parts for weight in part.parameters())

    attention, convolutions, norms = 4 * (256 * 256 + 256), 9 * 256 * 1024 + 1024 + 1024 * 256 + 256, 2 * 2 * 256
    blocks = 8 * (attention + convolutions + norms)
    assert weights(model.encoder, model.decoder) == pytest.approx(blocks, rel=1e-3)
    assert weights(model) / 1e6 == pytest.approx(25.24, abs=0.02)
    assert weights(model.durations, model.prosody) == pytest.approx(2.10e6, rel=0.01)


@pytest.mark.parametrize(
    ("hop_length", "count", "rates"),
    [
        (256, 4, (8, 8, 2, 2)),
        (256, 3, (8, 8, 4)),
        (300, 4, (6, 5, 5, 2)),
        (512, 4, (8, 8, 4, 2)),
        (1024, 3, (16, 16, 4)),
    ],
)
def test_upsamplings_make_the_hop_length(hop_length: int, count: int, rates: tuple[int, ...]) -> None:
    assert upsampling_rates(hop_length, count) == rates


def test_a_hop_length_that_hifigan_cannot_make_is_named() -> None:
    one = task("hifigan", hopLength=257)
    with pytest.raises(BadInput, match=r"dataset\.audio\.hopLength = 257: .* 256 is the published value"):
        models.VOCODERS["hifigan"](one, models.ACOUSTIC_MODELS["fastspeech2"](one))


@torch.inference_mode()
def test_pulses_have_the_pitch_and_unit_power() -> None:
    at = torch.full((1, 16000), 160.0)
    pulses = harmonics(turning(at, 16000), at, 16000)[0]
    spectrum = torch.fft.rfft(pulses).abs()
    assert set(spectrum.topk(48).indices.tolist()) == set(range(160, 48 * 160 + 1, 160))
    assert abs(float(pulses.square().mean()) - 1.0) < 0.05


@torch.inference_mode()
def test_a_minimum_phase_filter_has_its_magnitudes() -> None:
    model = Ddsp(DdspParameters(hidden_size=32, layers=1), AUDIO)
    wanted = F.avg_pool1d(torch.randn(1, 1, 513), 41, 1, 20).transpose(1, 2)
    response = model.minimum_phase(wanted)
    torch.testing.assert_close(response.abs().log(), wanted, atol=1e-4, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize("name", TRAINED)
def test_a_vocoder_makes_the_same_of_a_mel_whatever_silence_follows(name: str) -> None:
    model = stages(name)[1].exported.eval()
    mel = torch.randn(1, 80, 40) - 5
    longer = F.pad(mel, (0, 9), value=SILENCE)
    samples = 40 * AUDIO.hop_length
    torch.testing.assert_close(model(longer)[:, :samples], model(mel), atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_attention_hears_a_sentence_alike_whatever_else_is_in_its_batch() -> None:
    model = acoustic_model(attentionHeads=2, kernelSize=3, filterSize=48)
    tokens = torch.randint(1, 20, (2, 9))
    tokens[0, 5:] = 0
    mel, frames, _ = spoken(model, tokens, torch.tensor([5, 9]))
    alone, _, _ = spoken(model, tokens[:1, :5], torch.tensor([5]))
    torch.testing.assert_close(mel[0, :, : int(frames[0])], alone[0], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_a_factor_for_each_symbol_acts_on_that_symbol() -> None:
    model = acoustic_model()
    model.durations.out.bias.data.fill_(math.log(10.0))
    model.durations.out.weight.data.zero_()
    tokens, lengths, one = torch.randint(1, 20, (1, 3)), torch.tensor([3]), torch.ones(1, 3)
    speaker = model.speakers(torch.zeros(1, dtype=torch.long))
    _, _, durations = model(tokens, lengths, speaker, torch.tensor([[1.0, 0.5, 2.0]]), one, one)
    assert durations.tolist() == [[10, 20, 5]]
    plain, loud = (model(tokens, lengths, speaker, one, one, factor * one)[0] for factor in (1.0, 2.0))
    assert not torch.equal(plain, loud)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"kernelSize": 4}, "kernelSize must be odd"),
        ({"hiddenSize": 100, "attentionHeads": 3}, r"hiddenSize \(100\) must be a multiple of attentionHeads"),
    ],
)
def test_sizes_that_do_not_fit_together_are_named(parameters: dict[str, int], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        FastSpeech2Parameters.model_validate(parameters)


def test_what_a_vocoder_learns_from_does_not_depend_on_what_was_asked_before() -> None:
    """A training that goes on after a kill has computed other clips before, and comes to the same batches."""
    asked, fresh = stages("ddsp")[1], stages("ddsp")[1]
    batch_of(asked, 0, 1, 2)
    batches = []
    for stage in (asked, fresh):
        torch.manual_seed(5)
        batches.append(batch_of(stage, 2, 0))
    assert torch.equal(batches[0].mel, batches[1].mel)
    assert torch.equal(batches[0].waveform, batches[1].waveform)


def test_a_vocoder_gets_no_batch_of_clips_that_were_not_predicted() -> None:
    stage = stages("ddsp")[1]
    stage.prepare([0])
    with pytest.raises(ValueError, match=r"frames of clips \[2\] were not computed"):
        stage.collate([(0,), (2,)])
