"""The module that becomes ``voice.pt``: an acoustic model and a vocoder behind the interface of the artifact. Nothing
here depends on an architecture; the voice that is served is loaded in ``serving``."""

import torch
from torch import Tensor, nn


class VoiceModule(nn.Module):
    """A voice. Each part can be called separately, as streaming, batching, timestamps and the mixing of voices need."""

    def __init__(
        self,
        acoustic: nn.Module,
        vocoder: nn.Module,
        speakers: nn.Embedding,
        hop_length: int,
        whole: nn.Module,
    ) -> None:
        """``acoustic`` is called as ``acoustic.stage.AcousticStage.exported`` says, ``vocoder`` as ``vocode`` does and
        ``whole`` as ``vocoder.stage.VocoderStage.whole`` says; ``speakers`` is the table of speaker vectors, a
        submodule of ``acoustic``; ``hop_length`` is in samples."""
        super().__init__()
        self.acoustic_model, self.vocoder, self.speakers = acoustic, vocoder, speakers
        self.whole = whole
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
        """Turn symbols into frames.

        ``tokens`` is ``[batch, symbols]`` int64, padded with 0; ``lengths`` is ``[batch]`` int64; ``speaker`` is
        ``[batch, channels]`` float32. ``speed``, ``pitch`` and ``energy`` are factors, ``[batch]`` or one for each
        symbol ``[batch, symbols]``: 1 is as trained (and what an absent energy means), 2 is twice as fast, an octave
        higher, twice the amplitude. ``noise`` is the input of models that draw at random; None selects their fixed
        default, and a model that draws nothing ignores it. Returns frames ``[batch, channels, frames]``, of which any
        part may be given to ``vocode``, their number ``[batch]`` int64, and durations in frames ``[batch, symbols]``
        int64. The first channels are mel bands in nepers."""
        if energy is None:
            energy = torch.ones_like(speed)
        said: tuple[Tensor, Tensor, Tensor] = self.acoustic_model(tokens, lengths, speaker, speed, pitch, energy, noise)
        spoken, frames, durations = said
        return self.whole(spoken), frames, durations

    @torch.jit.export
    def vocode(self, mel: Tensor) -> Tensor:
        """Turn frames ``[batch, channels, frames]`` into a waveform ``[batch, frames * hop_length]`` float32."""
        waveform: Tensor = self.vocoder(mel)
        return waveform

    @torch.jit.export
    def speaker(self, id: Tensor) -> Tensor:  # noqa: A002 - the interface's name
        """The vectors ``[batch, channels]`` of the speakers ``[batch]`` int64. A mixture of vectors is a speaker
        too."""
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
        """Turn symbols into sound ``[batch, samples]``, which is zero after the end of an utterance. The arguments are
        those of ``acoustic``."""
        spoken, frames, _ = self.acoustic(tokens, lengths, speaker, speed, pitch, noise, energy)
        waveform = self.vocode(spoken)
        inside = torch.arange(waveform.shape[1], device=waveform.device)[None, :] < (frames * self.hop_length)[:, None]
        return waveform * inside
