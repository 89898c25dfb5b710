"""A scripted module that says the same recording whatever it is asked: real speech, for what is done to it behind the
voice. Its annotations are not postponed: TorchScript reads them."""

import torch
from torch import Tensor, nn

HOP_LENGTH = 100


class Recording(nn.Module):
    """Its mel frames are their own numbers; behind the last there is silence."""

    def __init__(self, samples: Tensor) -> None:
        """``samples`` ``[samples]`` float32."""
        super().__init__()
        frames = len(samples) // HOP_LENGTH
        self.register_buffer("pieces", samples[: frames * HOP_LENGTH].reshape(frames, HOP_LENGTH))
        self.frames = frames

    @torch.jit.export
    def speaker(self, number: Tensor) -> Tensor:
        return number[:, None].float()

    @torch.jit.export
    def acoustic(
        self, tokens: Tensor, lengths: Tensor, speaker: Tensor, speed: Tensor, pitch: Tensor, noise: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        mel = torch.arange(self.frames).float().expand(tokens.shape[0], 1, self.frames)
        return mel, torch.full_like(lengths, self.frames), torch.zeros_like(tokens)

    @torch.jit.export
    def vocode(self, mel: Tensor) -> Tensor:
        sound = self.pieces[mel[:, 0].clamp_min(0).long()]
        return torch.where(mel[:, 0, :, None] < 0, torch.zeros_like(sound), sound).flatten(1)

    def forward(
        self, tokens: Tensor, lengths: Tensor, speaker: Tensor, speed: Tensor, pitch: Tensor, noise: Tensor | None
    ) -> Tensor:
        return self.vocode(self.acoustic(tokens, lengths, speaker, speed, pitch, noise)[0])
