"""Gradients as explanations: saliency, deconvnet and guided backprop, which differ in how a gradient passes a ReLU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from striate.errors import ArgumentError
from striate.look.arguments import Progress, Target, part_of, parts
from striate.look.explain.explanation import Explanation, Question, classes, on_photos
from striate.look.explain.sanity import checked
from striate.look.features.activations import array
from striate.look.pictures import Space
from striate.look.tap import RULES, Rule, tapped

if TYPE_CHECKING:
    from striate.model import Model

_NAMES = {"backprop": "Saliency", "deconvnet": "Deconvnet", "guided": "Guided backprop"}
_SOURCES = {
    "backprop": "Simonyan et al. 2013, section 3",
    "deconvnet": "Zeiler & Fergus 2014, section 2.1, as a gradient rule: Springenberg et al. 2014, section 3.4",
    "guided": "Springenberg et al. 2014, figure 1",
}


@dataclass
class Saliency(Explanation):
    """The gradient of a logit, a map or a unit with respect to the input.

    values   float32 (N, H, W, C), logit per unit of the network's input (after the preprocessing), RGB order
    rule     how the gradient passed the rectifiers
    """

    rule: Rule = "backprop"

    anchor: ClassVar[str] = "saliency"

    @property
    def title(self) -> str:  # type: ignore[override]
        return _NAMES[self.rule]

    @property
    def source(self) -> str:  # type: ignore[override]
        return _SOURCES[self.rule]

    @property
    def method(self) -> str:  # type: ignore[override]
        return {"backprop": "saliency"}.get(self.rule, self.rule)

    def importance(self, values: np.ndarray) -> np.ndarray:
        """(N, H, W) of values (N, H, W, C): the largest absolute value over the channels (Simonyan et al. 2013, 3.1)."""
        return np.abs(values).max(-1)

    def reading(self) -> str:
        return "Bright pixels are those where a small change would move the answer most."


def saliency(
    model: Model,
    pictures: Any,
    target: Target | tuple[int, int, int] | None = None,
    layer: str | None = None,
    *,
    rule: Rule = "backprop",
    check: bool = False,
    batch_size: int = 16,
    seed: int = 0,
    progress: Progress | None = None,
) -> Saliency:
    """The gradient of a class's logit, or of a part of a layer, with respect to the network's input.

    model      a network of one input (H, W, 1 or 3)
    pictures   files, PIL images, uint8 arrays (H, W, C) or (N, H, W, C), or a Dataset
    target     a class: its number or name, for all pictures or one for each; None: the network's answer.  With a `layer` a
               map's number (the sum of that map), (map, y, x) for one unit; None: the unit that answers most
    layer      a call's name as in ``model.size()`` whose part is asked about; None: the classes
    rule       how a gradient passes a ReLU: "backprop" where its input was positive (Simonyan et al. 2013), "deconvnet"
               where the gradient is (Zeiler & Fergus 2014), "guided" where both are (Springenberg et al. 2014)
    check      whether to say in ``verdict`` and ``note()`` if the map changes when the top half of the layers is
               randomised (``look.sanity``); three times the work.  Not for a `layer`
    batch_size   pictures at a time
    seed       of the randomised layers, where `check` asks for them
    progress   called as progress(done, whole)

    The logit is taken before a final softmax.  Max pools pass it to where the maximum was.  The model stays as it is.
    Raises ArgumentError for an unknown rule, layer or class, DataError for what is no picture.
    """
    if layer is not None:
        if check:
            raise ArgumentError(
                "the sanity check is about answers, not about a layer's maps: leave out `layer` or `check`."
            )
        return _of_layer(model, pictures, target, rule, layer, batch_size, progress)
    asked = Question.of(model, pictures, target, batch_size)
    going = part_of(progress, 0, 2) if check else progress
    slopes = []
    with tapped(model, rule=rule, logits=True) as tap:
        for part in parts(len(asked), batch_size):
            x = asked.inputs[part].clone().requires_grad_(True)
            out = classes(tap, x)
            chosen = out.gather(1, asked.chosen(part, out)[:, None]).sum()
            slopes.append(gradient(chosen, x))
            if going is not None:
                going(part.stop, len(asked))
    values = rgb(asked.space, slopes)
    made = Saliency(asked.pixels, values, asked.targets, asked.labels, asked.values, rule)
    if check:
        checked(model, made, partial(saliency, rule=rule), seed=seed, progress=part_of(progress, 1, 2))
    return asked.on_photos(made)


def _of_layer(
    model: Model, pictures: Any, target: Any, rule: Rule, layer: str, batch_size: int, progress: Progress | None
) -> Saliency:
    space = Space.of(model)
    pixels = space.pixels(pictures)
    slopes, targets, labels, scores = [], [], [], []
    with tapped(model, rule=rule) as tap:
        for part in parts(len(pixels), batch_size):
            x = space.inputs(pixels[part]).to(tap.device, tap.dtype).requires_grad_(True)
            at = tap.run(x, keep=[layer], stop=True).at[layer]
            if not at.is_floating_point():
                raise ArgumentError(f'"{layer}" gives no numbers with a gradient.')
            values = [_part_of(one, target, layer) for one in at]
            slopes.append(gradient(torch.stack([value for value, _, _ in values]).sum(), x))
            scores += [float(value.detach()) for value, _, _ in values]
            targets += [number for _, number, _ in values]
            labels += [f"{layer} {which}" for _, _, which in values]
            if progress is not None:
                progress(part.stop, len(pixels))
    made = Saliency(pixels, rgb(space, slopes), targets, labels, np.asarray(scores), rule)
    return on_photos(made, space.photos(pictures))


def _part_of(one: torch.Tensor, target: Any, layer: str) -> tuple[torch.Tensor, int, str]:
    """The number of a layer's output (C, ...) that is asked about, its map, and both in words."""
    if target is None:
        where = np.unravel_index(int(one.detach().argmax()), tuple(one.shape))
        unit: tuple[int, ...] = tuple(int(i) for i in where)
    else:
        given = target if isinstance(target, Sequence) and not isinstance(target, str) else [target]
        try:
            unit = tuple(int(i) for i in given)
        except (TypeError, ValueError):
            raise ArgumentError(f'of a layer a map\'s number or (map, y, x) is asked for, not "{target}".') from None
    whole = tuple(one.shape)
    fits = len(unit) in (1, len(whole)) and all(0 <= i < n for i, n in zip(unit, whole, strict=False))
    if not fits:
        raise ArgumentError(f'"{layer}" gives (maps, y, x) = {whole}; {target} is not in it, nor the number of a map.')
    words = f"map {unit[0]}" if len(unit) == 1 else f"unit {', '.join(map(str, unit))}"
    return one[unit].sum(), unit[0], words


def gradient(value: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """d value / d x, zeros where nothing of `x` reaches it."""
    if not value.requires_grad:
        return torch.zeros_like(x)
    slope = torch.autograd.grad(value, x, allow_unused=True)[0]
    return torch.zeros_like(x) if slope is None else slope


def rgb(space: Space, maps: Sequence[torch.Tensor]) -> np.ndarray:
    """Tensors (n, C, H, W) in the network's channel order as one float32 array (N, H, W, C), RGB."""
    values = np.concatenate([array(each).astype(np.float32) for each in maps])
    return np.ascontiguousarray(values[..., ::-1]) if space.bgr else values


__all__ = ["RULES", "Saliency", "saliency"]
