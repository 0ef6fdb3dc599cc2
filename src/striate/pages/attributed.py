"""Other methods than a page has itself explain some answers for it, as far as that costs next to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from striate import look
from striate.errors import StriateError
from striate.look.arguments import Progress, part_of
from striate.look.explain.attributions import QUICK
from striate.look.explain.explanation import levels
from striate.page.attributed import Attributed

if TYPE_CHECKING:
    from striate.model import Model

PICTURES = 8  # at most
_BUDGET = 6e11  # multiplications that explaining them may take: some 15 s of one core
_STAGES = (0.5,)  # of the checks: the top half of the layers is random
_OWN = ("Grad-CAM", "occlusion")  # which a page computes itself, for any picture
_MANY = ("integrated gradients", "occlusion")  # which run the network many times for each picture
_PASSES = {True: 300, False: 36}  # runs of the network for a picture, its checks among them, with those and without


def attributed(
    model: Model, pictures: Any, places: Sequence[str], progress: Progress | None = None
) -> Attributed | None:
    """The maps of the methods of ``look.attributions`` that a page does not compute itself, and the verdicts on all of them.

    model      a classifier of pictures
    pictures   uint8 (N, H, W, C) in its size, or a Dataset; the first are explained, 8 at most
    places     what the page's address calls each
    progress   called as progress(done, whole)

    Large networks are explained on fewer pictures, one at least; the largest without the methods that run the network many
    times.  None where the network does not give one number for each class, has no weights, or fails.
    """
    mults = max(1, model.mults())
    many = mults * _PASSES[True] <= _BUDGET
    count = min(PICTURES, len(places), max(1, int(_BUDGET / (mults * _PASSES[many]))))
    chosen = {name: method for name, method in QUICK.items() if many or name not in _MANY}
    own = {name: method for name, method in chosen.items() if name in _OWN}
    others = {name: method for name, method in chosen.items() if name not in _OWN}
    some = pictures[:count] if hasattr(pictures, "dtype") else pictures.subset(range(count))
    try:
        go = part_of(progress, 0, 2)
        made = look.attributions(model, some, method=others, score=False, stages=_STAGES, progress=go)
        assert made.sanity is not None
        checks = dict.fromkeys(others, made.sanity)
        for i, (name, method) in enumerate(own.items()):
            with suppress(StriateError):  # no Grad-CAM without maps
                go = part_of(progress, len(own) + i, 2 * len(own))
                checks[name] = look.sanity(model, some, method={name: method}, stages=_STAGES, progress=go)
    except Exception:  # a layer of a user's own fails with whatever it likes
        return None
    return Attributed(
        places[:count],
        next(iter(made.explanations.values())).targets,
        {name: levels(one.map) for name, one in made.explanations.items()},
        {name: (check.passes(name), check.verdict(name)) for name, check in checks.items()},
    )
