"""What an optimised picture is made of: its pixels, or Fourier coefficients.  Both are held as contrast, see ``ascend``."""

from __future__ import annotations

import torch

# The square root of the covariance of RGB colours over ImageNet, as published with Olah, Mordvintsev & Schubert 2017 (Lucid)
_COLOURS = [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]
_EDGE = 0.995  # |contrast| of a given picture at most, so that its tanh can be undone


class Pixels:
    """Contrast (N, C, H, W), itself.  values: the leaf that is optimised."""

    def __init__(self, shape: tuple[int, ...], like: torch.Tensor, within: bool) -> None:
        self.within = within
        self.values = like.new_zeros(shape).requires_grad_()

    def scatter(self, random: torch.Generator, deviation: float) -> None:
        """Start from noise of this deviation."""
        noise = torch.stack([torch.randn(self.values.shape[1:], generator=random) for _ in self.values])
        self.put(deviation * noise.to(self.values))

    def contrast(self) -> torch.Tensor:
        return self.values.view_as(self.values)

    def put(self, contrast: torch.Tensor) -> None:
        """Be this picture."""
        if contrast.shape != self.values.shape:
            self.values = self.values.new_zeros(contrast.shape).requires_grad_()
        with torch.no_grad():
            self.values.copy_(contrast)

    def clip(self) -> None:
        if self.within:
            self.values.clamp_(-1, 1)


class Fourier:
    """Coefficients of the real Fourier transform, each divided by its frequency, so that a step changes large shapes as
    easily as fine grain; within: the sum goes through tanh.  Olah, Mordvintsev & Schubert 2017, "Preconditioning".

    colours   the three channels are decorrelated colours, not red, green and blue
    values    float (N, C, H, W // 2 + 1, 2), real and imaginary, the leaf that is optimised
    """

    def __init__(
        self, shape: tuple[int, ...], like: torch.Tensor, *, colours: bool, within: bool, bgr: bool = False
    ) -> None:
        self.within, self.mix = within, None
        if colours:
            mix = like.new_tensor(_COLOURS)
            mix = mix / mix.norm(dim=0).max()
            self.mix = mix.flip(0) if bgr else mix
        self._shaped(shape, like)

    def _shaped(self, shape: tuple[int, ...], like: torch.Tensor) -> None:
        self.size = height, width = shape[2], shape[3]
        fy, fx = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
        frequency = (fy.square() + fx.square()).sqrt().clamp_min(1 / max(height, width))
        self.gain = (1 / frequency).to(like)[..., None] / 4
        self.values = like.new_zeros(*shape[:2], height, width // 2 + 1, 2).requires_grad_()

    def scatter(self, random: torch.Generator, deviation: float) -> None:
        noise = torch.stack([torch.randn(self.values.shape[1:], generator=random) for _ in self.values])
        with torch.no_grad():
            self.values.copy_(noise)
            spread = self._open().flatten(1).std(1).clamp_min(1e-12)
            self.values.mul_((deviation / spread).view(-1, 1, 1, 1, 1))

    def _open(self) -> torch.Tensor:
        """The picture before tanh."""
        x = torch.fft.irfft2(torch.view_as_complex(self.values * self.gain), s=self.size, norm="ortho")
        return x if self.mix is None else torch.einsum("ij,njhw->nihw", self.mix, x)

    def contrast(self) -> torch.Tensor:
        x = self._open()
        return x.tanh() if self.within else x

    def put(self, contrast: torch.Tensor) -> None:
        if contrast.shape[2:] != self.size or len(contrast) != len(self.values):
            self._shaped(tuple(contrast.shape), contrast)
        with torch.no_grad():
            x = contrast.clamp(-_EDGE, _EDGE).atanh() if self.within else contrast
            x = x if self.mix is None else torch.einsum("ij,njhw->nihw", torch.linalg.inv(self.mix), x)
            self.values.copy_(torch.view_as_real(torch.fft.rfft2(x, norm="ortho")) / self.gain)

    def clip(self) -> None:
        """Nothing to do: tanh keeps it in."""
