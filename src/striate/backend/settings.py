"""What a torch module computes by beside its arrays, and whether that is still what its layer made it with."""

from __future__ import annotations

from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType
from typing import Any

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from striate.backend.modules import ActivityPenalty, Drawing

_PLAIN = (bool, int, float, complex, str, tuple, type(None), FunctionType, BuiltinFunctionType)
_OF_TRAINING = ("training", "momentum", "inplace", "calls", "looked", "seed")
_CODE = "_code"  # of a network: what torch wrote of its graph
_FORWARD = "forward"  # where one was set in the place of its class's
_MADE_WITH = "made_with"


def settings(part: nn.Module) -> dict[str, Any]:
    """The attributes by which a module predicts, such as a convolution's stride or a norm's epsilon.

    part   a module, without what is in it; what only does something in training has none, and what somebody has written
           into a layer's module besides is none
    """
    if isinstance(part, _DropoutNd | ActivityPenalty):
        return {}
    if isinstance(part, Drawing) and type(part).still is Drawing.still:
        return {}
    known = part.__dict__.get(_MADE_WITH)
    return {
        name: value
        for name, value in part.__dict__.items()
        if name in (_CODE, _FORWARD)
        or (
            name[0] != "_"
            and name not in _OF_TRAINING
            and isinstance(value, _PLAIN)
            and (known is None or name in known)
        )
    }


def remember(parts: Iterable[nn.Module]) -> None:
    """Have modules that were just made for a layer know the settings that they were made with.

    parts   each alone, without what is in it
    """
    for part in parts:
        part.__dict__[_MADE_WITH] = settings(part)


def edited(module: nn.Module) -> str | None:
    """The first setting that is no longer what a layer made a part of a module with, in words; None: there is none.

    module   with all that is in it
    """
    for path, part in module.named_modules():
        was = part.__dict__.get(_MADE_WITH)
        if was is None:  # it is no layer's, or code of a user's own
            continue
        now = settings(part)
        if _FORWARD in part.__dict__:
            return f'the module "{path}" was given another forward' if path else "the module was given another forward"
        for name in was:
            if name not in now or was[name] != now[name]:
                return _words(path, name, was[name], part.__dict__.get(name))
    return None


def _words(path: str, name: str, was: Any, now: Any) -> str:
    if name == _CODE:
        return f'the code of the module "{path}" was changed' if path else "the network's code was changed"
    of = f' of the module "{path}"' if path else " of the module"
    return f"{name}{of} was changed from {was!r} to {now!r}"
