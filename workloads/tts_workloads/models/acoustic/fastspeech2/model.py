"""``fastspeech2``: phonemes to frames, all at once (Ren et al. 2020, arXiv:2006.04558; pitch and energy per symbol
after Lancucki 2020, FastPitch, arXiv:2006.06873). This is the part that is exported; its training is in ``recipe``."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tts_api.architectures import FastSpeech2Parameters
from tts_workloads.audio import SILENCE
from tts_workloads.models.layers import BlockShape, ConvStack, TimeConv, expand, mask_of

LONGEST_SYMBOL_FRAMES = 200.0
"""The longest duration of a symbol in frames, whatever is predicted."""


class Prosody(NamedTuple):
    """The prosody of symbols. Each tensor is ``[batch, symbols]`` float32, 0 where there is no symbol."""

    pitch: Tensor
    """Normalised log-pitch."""
    voicing: Tensor
    """Share of the symbol's frames that are voiced, 0 to 1; predicted values are logits."""
    energy: Tensor
    """Normalised mean of the symbol's log-mel frames."""


class Predictor(nn.Module):
    """Predicts ``outputs`` numbers for each symbol with two normalised convolutions."""

    def __init__(self, channels: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.stack = ConvStack(BlockShape(channels, 2 * channels, 3, 0, dropout), 2)
        self.out = nn.Linear(channels, outputs)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        numbers: Tensor = self.out(self.stack(x, mask))
        return numbers


class FastSpeech2(nn.Module):
    """The acoustic model.

    Pitch is the natural logarithm of the fundamental frequency in hertz, normalised by ``pitch_mean`` and
    ``pitch_std``. Energy is the mean of a frame's mel bands in nepers, normalised by ``energy_mean`` and
    ``energy_std``."""

    pitch_mean: Tensor
    pitch_std: Tensor
    energy_mean: Tensor
    energy_std: Tensor
    mel_mean: Tensor

    def __init__(
        self,
        parameters: FastSpeech2Parameters,
        *,
        symbols: int,
        speakers: int,
        n_mels: int,
        aperiodicity_bands: int | None = None,
    ) -> None:
        """With ``aperiodicity_bands``, 0 or more, the frames also hold aperiodicity, pitch and voicing."""
        super().__init__()
        channels, dropout = parameters.hidden_size, parameters.dropout
        shape = BlockShape(
            channels,
            parameters.filter_size or 2 * channels,
            parameters.kernel_size,
            parameters.attention_heads,
            dropout,
        )
        self.embedding = nn.Embedding(symbols, channels, padding_idx=0)
        self.speakers = nn.Embedding(speakers, channels)
        self.encoder = ConvStack(shape, parameters.encoder_layers)
        self.durations = Predictor(channels, 1, dropout)
        self.prosody = Predictor(channels, 3, dropout)
        self.prosody_embedding = TimeConv(3, channels, 3)
        self.place = nn.Linear(3, channels)
        self.decoder = ConvStack(shape, parameters.decoder_layers)
        self.mel = nn.Linear(channels, n_mels)
        self.source = None if aperiodicity_bands is None else nn.Linear(channels, aperiodicity_bands + 2)
        # TorchScript sees attributes, not the module's constants.
        self.longest_symbol_frames, self.silence = LONGEST_SYMBOL_FRAMES, SILENCE
        self.register_buffer("pitch_mean", torch.tensor(5.0))
        self.register_buffer("pitch_std", torch.tensor(0.25))
        self.register_buffer("energy_mean", torch.tensor(-5.0))
        self.register_buffer("energy_std", torch.tensor(1.0))
        self.register_buffer("mel_mean", torch.zeros(n_mels))

    def forward(
        self,
        tokens: Tensor,
        lengths: Tensor,
        speaker: Tensor,
        speed: Tensor,
        pitch: Tensor,
        energy: Tensor,
        noise: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Turn symbols into frames.

        ``tokens`` is ``[batch, symbols]`` int64, ``lengths`` is ``[batch]`` int64, ``speaker`` is ``[batch,
        channels]``. ``speed``, ``pitch`` and ``energy`` are factors, ``[batch]`` or one for each symbol ``[batch,
        symbols]``; 1 is as trained. The model draws nothing at random and ignores ``noise``. Returns frames
        ``[batch, channels, frames]`` with the channels of ``decode``, the number of frames ``[batch]`` int64 and the
        durations in frames ``[batch, symbols]`` int64."""
        encoded, mask = self.encode(tokens, lengths, speaker)
        predicted = self.predict_prosody(encoded, mask)
        higher = torch.log(each_symbol(pitch).clamp(0.25, 4.0)).expand_as(predicted.pitch)
        prosody = Prosody(
            # Where the frames hold the pitch, the curve itself is moved.
            predicted.pitch + higher / self.pitch_std if self.source is None else predicted.pitch,
            torch.sigmoid(predicted.voicing),
            predicted.energy + torch.log(each_symbol(energy).clamp(0.1, 10.0)) / self.energy_std,
        )
        logarithms = self.durations(encoded, mask).squeeze(-1)
        lasting = (torch.exp(logarithms) / each_symbol(speed).clamp(0.1, 10.0)).clamp(1.0, self.longest_symbol_frames)
        # Rounding the ends and not the durations keeps the tempo: errors do not add up.
        ends = torch.floor((lasting * mask.squeeze(-1)).cumsum(1) + 0.5).long()
        durations = torch.diff(ends, dim=1, prepend=torch.zeros_like(ends[:, :1]))
        frames = ends[:, -1]
        longest = int(frames.max())
        spoken = self.decode(self.add_prosody(encoded, prosody, mask), durations, frames, longest)
        if self.source is not None:
            moved = spoken[:, :, -2:-1] + expand(higher.unsqueeze(-1), durations, longest)
            spoken = torch.cat([spoken[:, :, :-2], moved, spoken[:, :, -1:]], -1)
        # After its end a short utterance has the silence that the vocoder would assume there if it were alone.
        spoken = torch.where(mask_of(frames, longest) > 0, spoken, torch.full_like(spoken, self.silence))
        return spoken.transpose(1, 2), frames, durations

    def encode(self, tokens: Tensor, lengths: Tensor, speaker: Tensor) -> tuple[Tensor, Tensor]:
        """Encoded symbols ``[batch, symbols, channels]`` and their mask ``[batch, symbols, 1]``."""
        mask = mask_of(lengths, tokens.shape[1])
        return self.encoder((self.embedding(tokens) + speaker.unsqueeze(1)) * mask, mask), mask

    def predict_prosody(self, encoded: Tensor, mask: Tensor) -> Prosody:
        """The likely prosody of the encoded symbols; voicing as logits."""
        pitch, voicing, energy = self.prosody(encoded, mask).float().unbind(2)
        return Prosody(pitch, voicing, energy)

    def add_prosody(self, encoded: Tensor, prosody: Prosody, mask: Tensor) -> Tensor:
        """The encoded symbols ``[batch, symbols, channels]`` with their prosody added."""
        numbers = torch.stack([prosody.pitch * prosody.voicing, prosody.voicing, prosody.energy], -1)
        embedded: Tensor = self.prosody_embedding(numbers * mask)
        return (encoded + embedded) * mask

    def decode(self, symbols: Tensor, durations: Tensor, frames: Tensor, longest: int) -> Tensor:
        """Frames ``[batch, longest, channels]`` float32 of encoded symbols that last ``durations`` frames each.

        The channels are mel bands in nepers. Where the frames have a source, aperiodicity in nepers follows, then the
        natural logarithm of the pitch in hertz, which means nothing far from what is voiced, and the log-odds of
        voicing."""
        mask = mask_of(frames, longest)
        # Each frame gets its position in its symbol and the symbol's duration: a convolution only sees near borders.
        lasting = durations.to(symbols.dtype).unsqueeze(-1)
        begin = durations.cumsum(1).to(symbols.dtype).unsqueeze(-1) - lasting
        spread = expand(torch.cat([symbols, begin, lasting], -1), durations, longest)
        begin, lasting = spread[:, :, -2:-1], spread[:, :, -1:].clamp_min(1.0)
        at = torch.arange(longest, device=symbols.device, dtype=symbols.dtype)[None, :, None] + 0.5 - begin
        place = torch.cat([at / lasting, 1.0 / lasting, torch.log(lasting)], -1)
        hidden = (spread[:, :, :-2] + self.place(place)) * mask
        decoded: Tensor = self.decoder(hidden, mask)
        mel: Tensor = self.mel(decoded)
        mel = mel.float() + self.mel_mean
        if self.source is None:
            return mel
        source: Tensor = self.source(decoded)
        source = source.float()
        log_pitch = source[:, :, -2:-1] * self.pitch_std + self.pitch_mean
        return torch.cat([mel, source[:, :, :-2], log_pitch, source[:, :, -1:]], -1)


def each_symbol(factor: Tensor) -> Tensor:
    """The factor ``[batch]`` or ``[batch, symbols]`` in a shape that broadcasts over ``[batch, symbols]``."""
    return factor.unsqueeze(1) if factor.dim() == 1 else factor
