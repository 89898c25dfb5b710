"""The source-filter vocoder by what it promises: recordings are copied, chunks equal the whole, batches equal the
single sentence, pitch and voicing are what the frames say."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.unit.workloads import tiny_corpus
from tts_api.architectures import FastSpeech2Parameters, WorldParameters
from tts_api.resources.training import AudioFeatures
from tts_api.resources.training_options import Augmentation
from tts_api.run import TrainingRun
from tts_workloads.audio import SILENCE, pitch
from tts_workloads.data import Clip, Corpus, features_of
from tts_workloads.data.analysis.world import WorldAnalysis
from tts_workloads.models.acoustic.fastspeech2.model import FastSpeech2
from tts_workloads.models.acoustic.fastspeech2.recipe import FastSpeech2Stage
from tts_workloads.models.acoustic.utterances import UtteranceBatch
from tts_workloads.models.spectral import Resolution, spectral_distance
from tts_workloads.models.task import Task
from tts_workloads.models.vocoder.world import PulseTrack, World, receptive_field_frames
from tts_workloads.models.voice import VoiceModule

AUDIO = AudioFeatures(sample_rate=16000)
AUDIOS = [
    pytest.param(AUDIO, id="16 kHz"),
    pytest.param(AudioFeatures(), id="22 kHz"),
    pytest.param(AudioFeatures(sample_rate=8000, hop_length=80, n_mels=40), id="8 kHz without aperiodicity"),
    pytest.param(AudioFeatures(sample_rate=44100, n_fft=2048, hop_length=441), id="44 kHz and an odd hop"),
]


def vowel(audio: AudioFeatures, hertz: float = 130.0, seconds: float = 1.0) -> Tensor:
    """A buzz through three formants, with a little noise, between two pauses: ``[samples]`` float32."""
    rate = audio.sample_rate
    at = torch.arange(int(seconds * rate)) / rate
    buzz = torch.zeros_like(at)
    for k in range(1, int(0.45 * rate / hertz)):
        envelope = sum(
            gain / (1 + ((k * hertz - formant) / 120) ** 2) for formant, gain in ((650, 1.0), (1100, 0.5), (2500, 0.25))
        )
        buzz += envelope * torch.sin(2 * math.pi * k * hertz * at + k * k)
    noise = torch.randn(len(at), generator=torch.Generator().manual_seed(1))
    sound = F.pad(0.1 * buzz + 0.001 * noise, (rate // 5, rate // 5))
    return sound[: len(sound) // audio.hop_length * audio.hop_length]


def recorded(audio: AudioFeatures, waveform: Tensor) -> Tensor:
    """The frames ``[1, channels, frames]`` of a recording, as the vocoder takes them."""
    analysis = WorldAnalysis(audio)
    tracked: Tensor = PulseTrack(audio)(analysis.frames(analysis.features(waveform)).T[None])
    return tracked


def vocoder(audio: AudioFeatures, sharpness: float = 0.0) -> World:
    return World(WorldParameters(sharpness=sharpness), audio).eval()


@torch.inference_mode()
@pytest.mark.parametrize("audio", AUDIOS)
def test_a_recording_is_copied(audio: AudioFeatures) -> None:
    sound = vowel(audio)
    made = vocoder(audio)(recorded(audio, sound))
    assert made.shape == (1, len(sound))
    assert 0.7 < float(made.square().mean() / sound.square().mean()) < 1.4
    resolution = Resolution(audio.n_fft, audio.hop_length)
    noise = sound.std() * torch.randn(1, len(sound), generator=torch.Generator().manual_seed(2))
    assert spectral_distance(made, sound[None], resolution) < 0.6 * spectral_distance(noise, sound[None], resolution)


@pytest.mark.parametrize("audio", AUDIOS)
def test_a_vowel_is_voiced_and_the_pauses_around_it_are_not(audio: AudioFeatures) -> None:
    sound = vowel(audio)
    voiced = WorldAnalysis(audio).features(sound).log_pitch > 0
    pause, count = int(0.2 * audio.sample_rate / audio.hop_length), len(voiced)
    assert voiced[pause + 3 : count - pause - 3].float().mean() > 0.95
    assert voiced[: pause - 4].float().mean() < 0.5


@torch.inference_mode()
@pytest.mark.parametrize("hertz", [75.0, 130.0, 260.0, 410.0])
def test_the_copy_has_the_pitch_of_the_recording(hertz: float) -> None:
    made = vocoder(AUDIO)(recorded(AUDIO, vowel(AUDIO, hertz)))[0]
    found = pitch(made, AUDIO.sample_rate, AUDIO.hop_length)
    found = found[found > 0]
    assert len(found) > 40
    assert float(found.median()) == pytest.approx(hertz, rel=0.01)


@torch.inference_mode()
def test_unvoiced_frames_are_noise_and_voiced_ones_are_not() -> None:
    frames = torch.zeros(1, AUDIO.n_mels + 3, 50)
    frames[:, : AUDIO.n_mels], frames[:, -3], frames[:, -2] = -3.0, -5.0, math.log(160.0)

    def periodicity(voicing: float) -> float:
        frames[:, -1] = voicing
        made = vocoder(AUDIO)(PulseTrack(AUDIO)(frames))[0, 2000:10000]
        period = AUDIO.sample_rate // 160
        return float(torch.corrcoef(torch.stack([made[:-period], made[period:]]))[0, 1])

    assert periodicity(10.0) > 0.9
    assert abs(periodicity(-10.0)) < 0.2


@torch.inference_mode()
@pytest.mark.parametrize("audio", AUDIOS)
def test_a_chunk_with_its_context_equals_the_whole(audio: AudioFeatures) -> None:
    model, frames, hop = vocoder(audio), recorded(audio, vowel(audio)), audio.hop_length
    whole, field, count = model(frames)[0], receptive_field_frames(model), frames.shape[2]
    chunks = []
    for begin in range(0, count, 7):
        end = min(begin + 7, count)
        first, last = max(0, begin - field), min(count, end + field)
        chunks.append(model(frames[:, :, first:last])[0, (begin - first) * hop : (end - first) * hop])
    torch.testing.assert_close(torch.cat(chunks), whole, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_the_receptive_field_is_no_larger_than_it_has_to_be() -> None:
    model, frames = vocoder(AUDIO), recorded(AUDIO, vowel(AUDIO))
    field, hop, first, last = receptive_field_frames(model), AUDIO.hop_length, 30, 40
    less = model(frames[:, :, first - field + 2 : last + field])[0, (field - 2) * hop :][: (last - first) * hop]
    assert (less - model(frames)[0, first * hop : last * hop]).abs().max() > 1e-5


@torch.inference_mode()
def test_a_sentence_sounds_the_same_whatever_follows_it_in_its_batch() -> None:
    model = vocoder(AUDIO)
    frames = recorded(AUDIO, vowel(AUDIO))[:, :, 20:60]  # ends in the middle of the vowel
    longer = F.pad(frames, (0, 9), value=SILENCE)
    samples = 40 * AUDIO.hop_length
    torch.testing.assert_close(model(longer)[:, :samples], model(frames), atol=1e-6, rtol=0)


@torch.inference_mode()
def test_scripted_equals_eager() -> None:
    model, frames = vocoder(AUDIO, sharpness=0.7), recorded(AUDIO, vowel(AUDIO))
    with torch.jit.optimized_execution(should_optimize=False):
        torch.testing.assert_close(torch.jit.script(model)(frames), model(frames))
        torch.testing.assert_close(torch.jit.script(PulseTrack(AUDIO))(frames), PulseTrack(AUDIO)(frames))


@torch.inference_mode()
def test_sharpness_raises_formants_and_leaves_the_level() -> None:
    formants = (torch.sin(torch.arange(AUDIO.n_mels) * (2 * math.pi / 16)) - 4)[None, None]
    flat, sharp = (vocoder(AUDIO, sharpness).filters(formants).abs()[0, 0] for sharpness in (0.0, 1.0))
    assert 1.3 < float(sharp.log().std() / flat.log().std()) < 2.0
    assert float(sharp.square().mean()) == pytest.approx(float(flat.square().mean()), rel=0.1)


@torch.inference_mode()
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_request_for_another_pitch_moves_the_curve_by_that_factor(factor: float) -> None:
    torch.manual_seed(1)
    parameters = FastSpeech2Parameters(hidden_size=32, encoder_layers=1, decoder_layers=1)
    model = FastSpeech2(parameters, symbols=20, speakers=1, n_mels=80, aperiodicity_bands=1).eval()
    tokens, lengths, one = torch.arange(1, 9)[None], torch.tensor([8]), torch.ones(1)
    speaker = model.speakers(torch.zeros(1, dtype=torch.long))
    plain, moved = (model(tokens, lengths, speaker, one, higher * one, one)[0] for higher in (1.0, factor))
    assert plain.shape[1] == 80 + 3
    torch.testing.assert_close(moved[:, 81] - plain[:, 81], torch.full_like(plain[:, 81], math.log(factor)))
    torch.testing.assert_close(moved[:, :81], plain[:, :81])


@torch.inference_mode()
@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(torch.zeros(16000), id="silence"),
        pytest.param(0.05 * torch.randn(16000, generator=torch.Generator().manual_seed(1)), id="a whisper"),
    ],
)
def test_a_clip_without_a_voiced_frame_has_features_and_a_copy(sound: Tensor) -> None:
    features = WorldAnalysis(AUDIO).features(sound)
    assert (features.log_pitch > 0).float().mean() < 0.2
    assert torch.isfinite(vocoder(AUDIO)(recorded(AUDIO, sound))).all()


@pytest.mark.parametrize("count", [1, 3, 5])
def test_short_clips_have_features_and_a_copy(count: int) -> None:
    short = 0.1 * torch.randn(count * AUDIO.hop_length, generator=torch.Generator().manual_seed(1))
    assert WorldAnalysis(AUDIO).features(short).mel.shape == (count, AUDIO.n_mels)
    assert vocoder(AUDIO)(recorded(AUDIO, short)).shape == (1, len(short))


def stage(**augmentation: float) -> tuple[FastSpeech2Stage, UtteranceBatch]:
    """The acoustic model's stage on clips of vowels, and a batch of all of them."""
    document = tiny_corpus.run_document(model__vocoder={"architecture": "world"}, training__vocoderMaxSteps=None)
    run = TrainingRun.model_validate(document)
    clips = tuple(
        Clip(str(n), "", n % 2, torch.arange(1 + n, 13 + n), sound, len(sound) / AUDIO.sample_rate)
        for n, sound in enumerate(vowel(AUDIO, hertz, 0.6 + 0.1 * n) for n, hertz in enumerate((110.0, 150.0, 200.0)))
    )
    corpus = Corpus(clips, ("a", "b"), "0" * 64, 3.0)
    features = features_of(corpus, AUDIO, "world")
    made = FastSpeech2Stage(Task(run, corpus, [0, 1, 2], [], [str(n) for n in range(40)], features))
    return made, made.collate([(0,), (1,), (2,)]).augmented(Augmentation.model_validate(augmentation))


def test_every_weight_of_an_acoustic_model_with_a_source_is_trained() -> None:
    made, batch = stage()
    made.training_module(batch, 10_000)["loss"].backward()
    names = {name: weight.grad for name, weight in made.training_module.named_parameters()}
    assert [name for name, gradient in names.items() if gradient is None] == []
    assert all(gradient.abs().sum() > 0 for name, gradient in names.items() if ".source." in name)


@pytest.mark.parametrize(
    "augmentation",
    [
        pytest.param({}, id="as recorded"),
        pytest.param({"gain_decibels": 6, "speed": 0.2, "noise": 0.2, "masked": 0.3}, id="augmented"),
    ],
)
def test_pitch_voicing_and_aperiodicity_are_learned(augmentation: dict[str, float]) -> None:
    torch.manual_seed(1)
    made, batch = stage(**augmentation)
    optimizer = torch.optim.AdamW(made.training_module.parameters(), lr=3e-3)
    seen: dict[str, list[float]] = {}
    for step in range(30):
        losses = made.training_module(batch, step)
        losses["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
        for name, value in losses.items():
            seen.setdefault(name, []).append(float(value.detach()))
    for name in ("mel", "pitch_curve", "voicing_curve", "aperiodicity"):
        assert sum(seen[name][-4:]) < 0.8 * sum(seen[name][:4]), f"{name}: {seen[name]}"


@torch.inference_mode()
def test_a_voice_says_the_same_whatever_else_is_in_its_batch() -> None:
    made, _ = stage()
    made.training_module.eval()
    made.exported.durations.out.bias.data.fill_(1.5)
    audio = made.task.run.dataset.audio
    voice = VoiceModule(made.exported, vocoder(audio), made.speakers, audio.hop_length, PulseTrack(audio)).eval()
    tokens = torch.arange(1, 13).repeat(2, 1)
    tokens[1, 7:] = 0
    lengths, one = torch.tensor([12, 7]), torch.ones(2)
    both = voice(tokens, lengths, voice.speaker(torch.tensor([0, 1])), one, one, None)
    alone = voice(tokens[1:, :7], lengths[1:], voice.speaker(torch.tensor([1])), one[1:], one[1:], None)
    torch.testing.assert_close(both[1, : alone.shape[1]], alone[0], atol=1e-5, rtol=0)
