"""Gradients of several batches that wait to make one update together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class Gathering:
    """What an optimizer does with `gradient_accumulation_steps`."""

    gradient_accumulation_steps: int | None
    iterations: int
    waiting: int
    together: int
    _params: list[torch.nn.Parameter]
    _accumulated_gradients: list[torch.Tensor] | None

    def _gathers(self) -> bool:
        """Whether more batches are waited for; else the gradients are the mean of those that were gathered."""
        steps = self.together
        if steps == 1:
            return False
        assert self._accumulated_gradients is not None
        for held, p in zip(self._accumulated_gradients, self._params, strict=True):
            if p.grad is not None:
                held += p.grad
        self.waiting += 1
        if self.waiting < steps:
            return True
        for held, p in zip(self._accumulated_gradients, self._params, strict=True):
            p.grad = held / steps
            held.zero_()
        self.waiting = 0
        return False

    def gathered(self) -> list[torch.Tensor]:
        """The sum of the gradients of the batches that wait, a tensor of each weight's shape; [] where none do."""
        import torch

        if not self.waiting:
            return []
        if self._accumulated_gradients is not None:
            return self._accumulated_gradients
        return [torch.zeros_like(p) if p.grad is None else p.grad * self.together for p in self._params]

    def hand_out_gradients(self) -> None:
        """Put what was gathered before a model was saved where a backward pass adds to it."""
        if self._accumulated_gradients is not None:
            for p, held in zip(self._params, self.gathered(), strict=False):
                p.grad = held.to(p.device) / self.together
            self._accumulated_gradients = None

    def drop_gradients(self) -> None:
        """Forget the gradients of the batches that wait for an update."""
        self.waiting, self._accumulated_gradients = 0, None
        for p in self._params:
            p.grad = None

    @property
    def _iterations(self) -> int:
        """The gradients that it was given, as Keras counts them: several make an update."""
        return self.iterations * (self.gradient_accumulation_steps or 1) + self.waiting
