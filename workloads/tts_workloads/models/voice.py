"""The module that becomes ``voice.pt``: acoustic model and vocoder behind the artifact's interface. Knows no
architecture."""

import torch
from torch import Tensor, nn


class Voice(nn.Module):
    """A voice. Each part can be called apart, which streaming, batching, timestamps and the mixing of voices need."""

    def __init__(self, acoustic: nn.Module, vocoder: nn.Module, speakers: nn.Embedding, hop_length: int) -> None:
        super().__init__()
        self.acoustic_model, self.vocoder, self.speakers = acoustic, vocoder, speakers
        self.hop_length = hop_length

    @torch.jit.export
    def acoustic(
        self,
        tokens: Tensor,
        lengths: Tensor,
        speaker: Tensor,
        speed: Tensor,
        pitch: Tensor,
        noise: Tensor | None,
        energy: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Symbols to mel.

        ``tokens`` ``[batch, symbols]`` int64 padded with 0, ``lengths`` ``[batch]`` int64, ``speaker`` ``[batch,
        channels]``; ``speed``, ``pitch`` and ``energy`` ``[batch]`` or for each symbol ``[batch, symbols]`` (1 is as
        trained, as an absent energy is; 2 is twice as fast, an octave higher, twice the amplitude). ``noise`` is for
        models that draw at random: None is their fixed default, and the model of this voice may draw nothing. Gives
        mel ``[batch, n_mels, frames]`` in nepers, frames ``[batch]`` int64, and durations in frames ``[batch,
        symbols]`` int64."""
        if energy is None:
            energy = torch.ones_like(speed)
        said: tuple[Tensor, Tensor, Tensor] = self.acoustic_model(tokens, lengths, speaker, speed, pitch, energy)
        return said

    @torch.jit.export
    def vocode(self, mel: Tensor) -> Tensor:
        """Mel ``[batch, n_mels, frames]`` to a waveform ``[batch, frames * hop_length]`` float32."""
        waveform: Tensor = self.vocoder(mel)
        return waveform

    @torch.jit.export
    def speaker(self, id: Tensor) -> Tensor:  # noqa: A002 - the interface's name
        """The vectors ``[batch, channels]`` of speakers ``[batch]`` int64; mixtures of them are speakers too."""
        vectors: Tensor = self.speakers(id)
        return vectors

    def forward(
        self,
        tokens: Tensor,
        lengths: Tensor,
        speaker: Tensor,
        speed: Tensor,
        pitch: Tensor,
        noise: Tensor | None,
        energy: Tensor | None = None,
    ) -> Tensor:
        """Symbols to sound ``[batch, samples]``, zero behind an utterance's end; the arguments are those of
        ``acoustic``."""
        mel, frames, _ = self.acoustic(tokens, lengths, speaker, speed, pitch, noise, energy)
        waveform = self.vocode(mel)
        inside = torch.arange(waveform.shape[1], device=waveform.device)[None, :] < (frames * self.hop_length)[:, None]
        return waveform * inside
