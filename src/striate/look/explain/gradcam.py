"""Grad-CAM: which places of a layer's maps speak for a class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F

from striate.errors import ArgumentError
from striate.graph import last_maps
from striate.look.arguments import Progress, Target, part_of, parts
from striate.look.explain.explanation import Explanation, Question
from striate.look.explain.saliency import gradient
from striate.look.explain.sanity import checked
from striate.look.features.activations import array
from striate.look.tap import tapped

if TYPE_CHECKING:
    from striate.model import Model


@dataclass
class GradCAM(Explanation):
    """The maps of a layer, weighted by how much the class's logit grows with each, summed and rectified.

    values   float32 (N, H, W, 1), 0 or more, bilinearly enlarged to the picture
    coarse   float32 (N, h, w): before enlarging
    layer    whose maps
    """

    coarse: np.ndarray
    layer: str

    anchor: ClassVar[str] = "gradcam"
    title: ClassVar[str] = "Grad-CAM"
    source: ClassVar[str] = "Selvaraju et al. 2017, section 3"
    method: ClassVar[str] = "gradcam"

    def reading(self) -> str:
        height, width = self.coarse.shape[1:]
        return f"Bright is where the {height}x{width} maps of {self.layer} speak for the class."


def gradcam(
    model: Model,
    pictures: Any,
    target: Target | None = None,
    layer: str | None = None,
    *,
    check: bool = False,
    batch_size: int = 16,
    seed: int = 0,
    progress: Progress | None = None,
) -> GradCAM:
    """Grad-CAM: where the maps of a layer speak for a class.

    That is relu(sum over maps of weight * map), the weight of a map being the mean over its places of the logit's gradient
    (Selvaraju et al. 2017, equations 1 and 2).

    model      a network of one input (H, W, 1 or 3) that gives one number for each class
    pictures   files, PIL images, uint8 arrays (H, W, C) or (N, H, W, C), or a Dataset
    target     a class: its number or name, for all pictures or one for each; None: the network's answer
    layer      a call's name as in ``model.size()``; None: the last whose maps are larger than 1x1 and that the logit
               depends on
    check      whether to say in ``verdict`` and ``note()`` if the map changes when the top half of the layers is
               randomised (``look.sanity``); three times the work
    batch_size   pictures at a time
    seed       of the randomised layers, where `check` asks for them
    progress   called as progress(done, whole)

    The logit is taken before a final softmax.  The model stays as it is.  Raises ArgumentError for an unknown layer or one
    without maps.
    """
    asked = Question.of(model, pictures, target, batch_size)
    going = part_of(progress, 0, 2) if check else progress
    coarse, fine = [], []
    with tapped(model, logits=True) as tap:
        name = _last_maps(model) if layer is None else layer
        for part in parts(len(asked), batch_size):
            x = asked.inputs[part].clone().requires_grad_(True)
            run = tap.run(x, keep=[name])
            maps, out = run.at[name], run.output
            if maps.ndim != 4:
                raise ArgumentError(
                    f'"{name}" gives {tuple(maps.shape[1:])}, not maps; Grad-CAM takes a layer with maps.'
                )
            chosen = out.gather(1, asked.chosen(part, out)[:, None]).sum()
            slopes = gradient(chosen, maps)
            with torch.no_grad():
                cam = F.relu((slopes.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True))
                coarse.append(array(cam)[..., 0])
                fine.append(array(F.interpolate(cam, asked.space.shape[:2], mode="bilinear", align_corners=False)))
            if going is not None:
                going(part.stop, len(asked))
    values = np.concatenate(fine).astype(np.float32)
    small = np.concatenate(coarse).astype(np.float32)
    made = GradCAM(asked.pixels, values, asked.targets, asked.labels, asked.values, small, name)
    if check:
        checked(model, made, partial(gradcam, layer=name), seed=seed, progress=part_of(progress, 1, 2))
    return asked.on_photos(made)


def _last_maps(model: Model) -> str:
    """The last layer with maps of more than 1x1 that the output hangs on."""
    found = last_maps(model.graph.flat())
    if found is None:
        raise ArgumentError(
            "this network has no layer with maps larger than 1x1 before its output; Grad-CAM needs one."
        )
    return found.name
