"""The moving average of the weights that an optimizer keeps (Polyak & Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class Averaging:
    """What an optimizer does with `use_ema`."""

    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    iterations: int
    waiting: int
    _params: list[torch.nn.Parameter]
    _model_variables_moving_average: list[torch.Tensor]
    _followed: list[torch.Tensor]

    def follow(self, buffers: Iterable[torch.Tensor]) -> None:
        """Average these as the weights are, where `use_ema` says so; after ``build``.

        buffers    tensors that go with the weights, of any shape, such as the averages (C,) of batch norms
        """
        averages, count = self._model_variables_moving_average, len(self._params)
        known, kept = dict(zip(map(id, self._followed), averages[count:], strict=False)), averages[count:]
        of_file = not self._followed and bool(kept)  # then they go by their order
        self._followed = list(buffers) if self.use_ema else []
        if of_file and [one.shape for one in kept] == [one.shape for one in self._followed]:
            known = dict(zip(map(id, self._followed), kept, strict=True))
        if averages:
            averages[count:] = [known.get(id(one), one).to(one.device, copy=True) for one in self._followed]

    @property
    def _averaged(self) -> list[torch.Tensor]:
        return [*(p.detach() for p in self._params), *self._followed]

    def average(self) -> None:
        """Take the weights into their moving average, after an update, where `use_ema` says so.

        Also after a batch whose gradient only is gathered by `gradient_accumulation_steps`: Keras does.
        """
        if not self.use_ema:
            return
        import torch

        update = self.iterations + bool(self.waiting)  # the one, from 1, that the batch has a part in
        with torch.no_grad():
            if not self._model_variables_moving_average or update == 1:
                self._model_variables_moving_average = [held.clone() for held in self._averaged]
            else:
                torch._foreach_lerp_(self._model_variables_moving_average, self._averaged, 1 - self.ema_momentum)
        if self.ema_overwrite_frequency and update % self.ema_overwrite_frequency == 0:
            self.finalize_variable_values()

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """Give the weights their moving average, where `use_ema` keeps one; ``fit`` ends with it.

        var_list    Keras' argument; the weights are those that were built
        """
        import torch

        if self._model_variables_moving_average:
            with torch.no_grad():
                for held, average in zip(self._averaged, self._model_variables_moving_average, strict=True):
                    held.copy_(average)

    def swap_averages(self) -> None:
        """Exchange the weights and their moving average; a second call puts both back."""
        import torch

        if self._model_variables_moving_average:
            with torch.no_grad():
                for held, average in zip(self._averaged, self._model_variables_moving_average, strict=True):
                    before = held.clone()
                    held.copy_(average)
                    average.copy_(before)

    def keep_weights_as_averages(self) -> None:
        """Let the average be the weights as they are now, as when the average stands there already."""
        for held, average in zip(self._averaged, self._model_variables_moving_average, strict=False):
            average.copy_(held)
