"""``fastspeech2``: phonemes to mel frames, all at once (Ren et al. 2020, arXiv:2006.04558; pitch per symbol after
Lancucki 2020, FastPitch, arXiv:2006.06873). Here is what is exported; its training is in ``acoustic_stage``."""

import torch
from torch import Tensor, nn

from tts_api.architectures import FastSpeech2Parameters
from tts_workloads.models.layers import ConvStack, TimeConv, expand, mask_of

KERNEL = 5
LONGEST_SYMBOL_FRAMES = 200.0
"""A symbol never lasts longer, whatever the predictor says."""


class Predictor(nn.Module):
    """Numbers for each symbol: two convolutions with norms."""

    def __init__(self, channels: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.stack = ConvStack(channels, 2, 3, dropout)
        self.out = nn.Linear(channels, outputs)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        numbers: Tensor = self.out(self.stack(x, mask))
        return numbers


class FastSpeech2(nn.Module):
    """The acoustic model. Pitch is the logarithm of the fundamental frequency, normalised by ``pitch_mean`` and
    ``pitch_std`` (nepers); voicing is the share of a symbol's frames that are voiced."""

    pitch_mean: Tensor
    pitch_std: Tensor
    mel_mean: Tensor

    def __init__(self, parameters: FastSpeech2Parameters, *, symbols: int, speakers: int, n_mels: int) -> None:
        super().__init__()
        channels, dropout = parameters.hidden_size, parameters.dropout
        self.embedding = nn.Embedding(symbols, channels, padding_idx=0)
        self.speakers = nn.Embedding(speakers, channels)
        self.encoder = ConvStack(channels, parameters.encoder_layers, KERNEL, dropout)
        self.durations = Predictor(channels, 1, dropout)
        self.pitch = Predictor(channels, 2, dropout)
        self.pitch_embedding = TimeConv(2, channels, 3)
        self.place = nn.Linear(3, channels)
        self.decoder = ConvStack(channels, parameters.decoder_layers, KERNEL, dropout)
        self.mel = nn.Linear(channels, n_mels)
        # TorchScript sees attributes, not the module's constants.
        self.longest_symbol_frames = LONGEST_SYMBOL_FRAMES
        self.register_buffer("pitch_mean", torch.tensor(5.0))
        self.register_buffer("pitch_std", torch.tensor(0.25))
        self.register_buffer("mel_mean", torch.zeros(n_mels))

    def forward(
        self, tokens: Tensor, lengths: Tensor, speaker: Tensor, speed: Tensor, pitch: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Speak.

        ``tokens`` ``[batch, symbols]`` int64, ``lengths`` ``[batch]`` int64, ``speaker`` ``[batch, channels]``,
        ``speed`` and ``pitch`` ``[batch]``: factors, 1 is as trained. Gives mel ``[batch, n_mels, frames]`` in nepers,
        frames ``[batch]`` int64 and the durations in frames ``[batch, symbols]`` int64."""
        encoded, mask = self.encode(tokens, lengths, speaker)
        predicted, voicing = self.predict_pitch(encoded, mask)
        shifted = predicted + torch.log(pitch.clamp(0.25, 4.0))[:, None] / self.pitch_std
        logarithms = self.durations(encoded, mask).squeeze(-1)
        lasting = (torch.exp(logarithms) / speed.clamp(0.1, 10.0)[:, None]).clamp(1.0, self.longest_symbol_frames)
        # Rounding the ends and not the durations keeps the tempo: errors do not add up.
        ends = torch.floor((lasting * mask.squeeze(-1)).cumsum(1) + 0.5).long()
        durations = torch.diff(ends, dim=1, prepend=torch.zeros_like(ends[:, :1]))
        frames = ends[:, -1]
        mel = self.decode(self.add_pitch(encoded, shifted, voicing, mask), durations, frames, int(frames.max()))
        return mel.transpose(1, 2), frames, durations

    def encode(self, tokens: Tensor, lengths: Tensor, speaker: Tensor) -> tuple[Tensor, Tensor]:
        """Encoded symbols ``[batch, symbols, channels]`` and their mask ``[batch, symbols, 1]``."""
        mask = mask_of(lengths, tokens.shape[1])
        return self.encoder((self.embedding(tokens) + speaker.unsqueeze(1)) * mask, mask), mask

    def predict_pitch(self, encoded: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised pitch and voicing from 0 to 1, each ``[batch, symbols]``."""
        pitch, voicing = self.predict_pitch_scores(encoded, mask)
        return pitch, torch.sigmoid(voicing)

    def predict_pitch_scores(self, encoded: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised pitch and the voicing's logit, each ``[batch, symbols]``."""
        both = self.pitch(encoded, mask).float()
        return both[:, :, 0], both[:, :, 1]

    def add_pitch(self, encoded: Tensor, pitch: Tensor, voicing: Tensor, mask: Tensor) -> Tensor:
        """The encoded symbols with how they are intoned."""
        intoned: Tensor = self.pitch_embedding(torch.stack([pitch * voicing, voicing], -1) * mask)
        return (encoded + intoned) * mask

    def decode(self, symbols: Tensor, durations: Tensor, frames: Tensor, longest: int) -> Tensor:
        """Mel ``[batch, longest, n_mels]`` float32 of encoded symbols that last ``durations`` frames."""
        mask = mask_of(frames, longest)
        # Where in its symbol a frame is, and how long that lasts: a convolution alone sees only the nearest borders.
        lasting = durations.to(symbols.dtype).unsqueeze(-1)
        begin = durations.cumsum(1).to(symbols.dtype).unsqueeze(-1) - lasting
        spread = expand(torch.cat([symbols, begin, lasting], -1), durations, longest)
        begin, lasting = spread[:, :, -2:-1], spread[:, :, -1:].clamp_min(1.0)
        at = torch.arange(longest, device=symbols.device, dtype=symbols.dtype)[None, :, None] + 0.5 - begin
        place = torch.cat([at / lasting, 1.0 / lasting, torch.log(lasting)], -1)
        hidden = (spread[:, :, :-2] + self.place(place)) * mask
        mel: Tensor = self.mel(self.decoder(hidden, mask))
        return mel.float() + self.mel_mean
