"""The scripted module of the tiny voice. Its annotations are not postponed: TorchScript reads them."""

import torch
from torch import Tensor, nn

HOP_LENGTH = 100


class Tones(nn.Module):
    """Each symbol is a tone of a twentieth of a second at speed 1."""

    def __init__(self, slowness: int = 0, loudness: float = 0.3) -> None:
        super().__init__()
        self.slowness = slowness
        """Useless products of matrices for each utterance, for tests that need it to take its time."""
        self.loudness = loudness
        self.register_buffer("frames_per_symbol", torch.tensor(8.0))
        self.hop_length = HOP_LENGTH

    @torch.jit.export
    def speaker(self, number: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(number, 2).float()

    @torch.jit.export
    def acoustic(
        self, tokens: Tensor, lengths: Tensor, speaker: Tensor, speed: Tensor, pitch: Tensor, noise: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        nothing = torch.zeros(200, 200)
        for _ in range(self.slowness):
            nothing = torch.mm(nothing, nothing)
        count = int(torch.round(self.frames_per_symbol / speed[0]).item())
        durations = torch.full_like(tokens, count)
        # What adds nothing must be added: TorchScript leaves out what nobody needs.
        mel = torch.repeat_interleave(tokens.float() + nothing[0, 0], count, dim=1)[:, None]
        return mel, lengths * count, durations

    @torch.jit.export
    def vocode(self, mel: Tensor) -> Tensor:
        every_sample = torch.repeat_interleave(mel[:, 0], self.hop_length, dim=1)
        return self.loudness * torch.sin(torch.cumsum(0.012 * every_sample, dim=1))

    def forward(
        self, tokens: Tensor, lengths: Tensor, speaker: Tensor, speed: Tensor, pitch: Tensor, noise: Tensor | None
    ) -> Tensor:
        return self.vocode(self.acoustic(tokens, lengths, speaker, speed, pitch, noise)[0])
