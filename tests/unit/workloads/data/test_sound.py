"""Sound files of every kind to waveforms at the corpus's rate, and files that are no sound."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from tts_workloads.data.sound import UnreadableSound, read_sound, resample

RATE = 22050
HERTZ = 1000.0
AMPLITUDE = 0.5


def tone(rate: int, hertz: float = HERTZ, seconds: float = 1.0) -> np.ndarray:
    return AMPLITUDE * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def write_wav(path: Path, samples: np.ndarray, rate: int, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def loudness(waveform: Tensor) -> float:
    """Decibels below a sine of AMPLITUDE, without the ends."""
    middle = waveform[500:-500].double()
    return 10 * math.log10(float(middle.square().mean()) / (AMPLITUDE**2 / 2) + 1e-20)


def frequency(waveform: Tensor) -> float:
    """Hertz of the strongest line, by the parabola through its three bins."""
    spectrum = torch.fft.rfft(waveform * torch.hann_window(len(waveform))).abs().log()
    top = int(spectrum.argmax())
    left, here, right = (float(spectrum[top + offset]) for offset in (-1, 0, 1))
    return (top + 0.5 * (left - right) / (left - 2 * here + right)) * RATE / len(waveform)


@pytest.mark.parametrize("rate", [8000, 11127, 16000, 22050, 22051, 24000, 44100, 48000, 96000, 192000])
def test_a_tone_keeps_its_frequency_loudness_and_length_at_any_rate(tmp_path: Path, rate: int) -> None:
    path = write_wav(tmp_path / "tone.wav", tone(rate), rate)
    sound = read_sound(path, RATE)
    waveform = sound.waveform
    assert waveform.dtype is torch.float32
    assert abs(len(waveform) - RATE) <= 2
    assert frequency(waveform) == pytest.approx(HERTZ, rel=1e-4)
    assert loudness(waveform) == pytest.approx(0.0, abs=0.05)
    assert sound.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sound.file_rate == rate


@pytest.mark.parametrize("rate", [24000, 44100, 48000, 96000])
def test_what_the_lower_rate_cannot_hold_is_gone(rate: int) -> None:
    """A tone above half of 16 kHz would come back as another tone."""
    for hertz in np.arange(9600, rate / 2, 1300):
        waveform = resample(torch.from_numpy(tone(rate, hertz)).float(), rate, 16000)
        assert loudness(waveform) < -80, f"{hertz} Hz"


@pytest.mark.parametrize("rate", [8000, 11025, 16000])
def test_a_higher_rate_adds_nothing(rate: int) -> None:
    waveform = resample(torch.from_numpy(tone(rate)).float(), rate, RATE)
    expected = torch.from_numpy(tone(RATE))[: len(waveform)]
    assert loudness((waveform - expected).float()) < -80


def test_resampling_keeps_moments_in_their_place() -> None:
    click = torch.zeros(48000)
    click[24000] = 1.0
    assert int(resample(click, 48000, 16000).argmax()) == 8000


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_wav_of_every_sample_format(tmp_path: Path, subtype: str) -> None:
    waveform = read_sound(write_wav(tmp_path / "tone.wav", tone(RATE), RATE, subtype), RATE).waveform
    assert loudness(waveform) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_compressed_files_of_libsndfile(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(RATE), RATE)
    waveform = read_sound(path, RATE).waveform
    assert frequency(waveform) == pytest.approx(HERTZ, rel=1e-3)
    assert loudness(waveform) == pytest.approx(0.0, abs=0.3)


@pytest.mark.parametrize(("suffix", "codec", "rate"), [("g722", "g722", 16000), ("m4a", "aac", 44100)])
def test_files_that_ffmpeg_alone_reads(tmp_path: Path, suffix: str, codec: str, rate: int) -> None:
    path = write_with_ffmpeg(tmp_path / f"tone.{suffix}", codec, rate)
    waveform = read_sound(path, RATE).waveform
    assert frequency(waveform) == pytest.approx(HERTZ, rel=1e-3)
    assert loudness(waveform) == pytest.approx(0.0, abs=0.5)


def write_with_ffmpeg(path: Path, codec: str, rate: int, **options: str) -> Path:
    with av.open(path, "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        encoder_format = stream.format.name
        frame = av.AudioFrame.from_ndarray((tone(rate) * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=encoder_format, layout="mono", rate=rate, frame_size=stream.frame_size or 320
        )
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def test_stereo_becomes_the_mean_of_its_channels(tmp_path: Path) -> None:
    both = np.stack([tone(RATE), np.zeros(RATE)], axis=1)
    waveform = read_sound(write_wav(tmp_path / "stereo.wav", both, RATE), RATE).waveform
    assert waveform.shape == (RATE,)
    assert loudness(waveform) == pytest.approx(-6.02, abs=0.05)


def test_wav_written_into_a_pipe_does_not_say_its_length(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "piped.wav", tone(RATE), RATE)
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    waveform = read_sound(path, RATE).waveform
    assert abs(len(waveform) - RATE) <= 2


def _without(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _header_only(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:44])


def _half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("version https://git-lfs.example/spec/v1\noid sha256:0\nsize 132\n")


def _no_samples(path: Path) -> None:
    write_wav(path, np.zeros(0), RATE)


def _not_numbers(path: Path) -> None:
    write_wav(path, np.full(RATE, np.nan), RATE, "FLOAT")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without, "there is no such file"),
        (_folder, "cannot be opened: Is a directory"),
        (_empty, "the file is empty"),
        (_header_only, "the file is cut off: 44 of 44144 bytes"),
        (_half, "the file is cut off: 22072 of 44144 bytes"),
        (_text, "neither libsndfile nor FFmpeg can read it: Invalid data found when processing input"),
        (_no_samples, "it has no samples"),
        (_not_numbers, "it has samples that are not numbers"),
    ],
)
def test_files_that_are_no_sound(tmp_path: Path, damage: object, message: str) -> None:
    path = write_wav(tmp_path / "clip.wav", tone(RATE), RATE)
    damage(path)  # type: ignore[operator]
    with pytest.raises(UnreadableSound) as raised:
        read_sound(path, RATE)
    assert str(raised.value) == message


def test_a_picture_has_no_sound_in_it(tmp_path: Path) -> None:
    path = tmp_path / "picture.wav"
    with av.open(path, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), dtype=np.uint8))))
        container.mux(stream.encode(None))
    with pytest.raises(UnreadableSound, match="it has no sound in it"):
        read_sound(path, RATE)


WITH_FFMPEG: dict[str, tuple[str, str, int, dict[str, str]]] = {
    "m4a": ("m4a", "aac", 44100, {}),
    "m4a for the web": ("m4a", "aac", 44100, {"movflags": "faststart"}),
    "mp3 with Xing's header": ("mp3", "libmp3lame", 44100, {}),
    "opus": ("opus", "libopus", 48000, {}),
    "aac": ("aac", "aac", 44100, {}),
}
WITH_LIBSNDFILE: dict[str, tuple[str, str]] = {
    "wav": ("WAV", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "aifc": ("AIFF", "FLOAT"),
    "au": ("AU", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A second of a tone in every format."""
    folder = tmp_path_factory.mktemp("encoded")
    files = {}
    for name, (suffix, codec, rate, options) in WITH_FFMPEG.items():
        files[name] = write_with_ffmpeg(folder / f"{name}.{suffix}", codec, rate, **options).read_bytes()
    for name, (kind, subtype) in WITH_LIBSNDFILE.items():
        path = folder / name
        soundfile.write(path, tone(RATE), RATE, format=kind, subtype=subtype)
        files[name] = path.read_bytes()
    return files


@pytest.mark.parametrize("name", [*WITH_FFMPEG, *WITH_LIBSNDFILE])
def test_a_whole_file_is_not_taken_for_one_that_is_cut_off(
    tmp_path: Path, encoded: dict[str, bytes], name: str
) -> None:
    path = tmp_path / "tone"
    path.write_bytes(encoded[name])
    assert len(read_sound(path, RATE).waveform) == pytest.approx(RATE, rel=0.1)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("name", [*WITH_FFMPEG, *WITH_LIBSNDFILE])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, encoded: dict[str, bytes], name: str, share: float) -> None:
    path = tmp_path / "tone"
    path.write_bytes(encoded[name][: int(share * len(encoded[name]))])
    with pytest.raises(UnreadableSound) as raised:
        read_sound(path, RATE)
    assert "the file is cut off" in str(raised.value)


def test_mp3_without_a_count_of_its_frames_is_read_as_far_as_it_goes(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    data = bytearray(encoded["mp3 with Xing's header"])
    at = data.find(b"Info") if b"Info" in data else data.find(b"Xing")
    data[at : at + 4] = bytes(4)
    path = tmp_path / "tone.mp3"
    path.write_bytes(data[: len(data) // 2])
    assert 0.3 * RATE < len(read_sound(path, RATE).waveform) < 0.7 * RATE


@pytest.mark.parametrize("tag", [b"Xing", b"VBRI"])
def test_a_damaged_count_of_frames_takes_no_memory(tmp_path: Path, encoded: dict[str, bytes], tag: bytes) -> None:
    data = bytearray(encoded["mp3"])
    start = data.find(b"Xing") if b"Xing" in data else data.find(b"Info")
    if tag == b"Xing":
        data[start + 8 : start + 12] = b"\x7f\xff\xff\xff"
    else:
        frame = data.rfind(b"\xff", 0, start)
        data[start : start + 100] = bytes(100)
        data[frame + 36 : frame + 40] = b"VBRI"
        data[frame + 50 : frame + 54] = b"\x7f\xff\xff\xff"
    path = tmp_path / "tone.mp3"
    path.write_bytes(data)
    with pytest.raises(UnreadableSound, match=r"cut off or damaged: its header promises .* and it has [01]"):
        read_sound(path, RATE)


def test_an_unknown_encoding_is_named(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "tone.wav", tone(RATE), RATE)
    data = bytearray(path.read_bytes())
    data[20:22] = b"\xde\xad"
    path.write_bytes(data)
    with pytest.raises(UnreadableSound, match="knows how its sound is encoded"):
        read_sound(path, RATE)


def test_a_damaged_rate_takes_no_memory(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "tone.wav", tone(RATE), RATE)
    data = bytearray(path.read_bytes())
    data[24:28] = (1).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(UnreadableSound, match="it has 1 samples a second; speech needs 4000 at least"):
        read_sound(path, RATE)
