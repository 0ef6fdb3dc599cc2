"""What is said where somebody asks a symbolic tensor for numbers: Python, NumPy and torch each ask in their own way."""

from __future__ import annotations

import importlib
from typing import Any

from striate.errors import NoNumbersError

#: NumPy's functions that stand for operators of arrays: ``array + tensor`` comes as ``np.add``.
_OPERATORS = {
    **{name: name for name in ("add", "subtract", "multiply", "divide", "power", "matmul", "floor_divide")},
    **{name: name for name in ("less", "less_equal", "greater", "greater_equal")},
    "true_divide": "divide",
    "remainder": "mod",
}


class Symbolic:
    """Base of what has a shape but no numbers.  Raises NoNumbersError for whatever would need some."""

    __slots__ = ()

    def _refuse(self, what: str) -> NoNumbersError:
        return NoNumbersError(f"{self!r} is symbolic: it has a shape but no numbers {what}")

    def __bool__(self) -> bool:
        raise self._refuse("that are true or false. Compare with None (x is None), or choose numbers with ops.where.")

    def __len__(self) -> int:
        raise self._refuse("to count. Its sizes are in x.shape.")

    def __iter__(self) -> Any:
        raise self._refuse("to go through. Take parts by their place, x[:, 0], or with ops.unstack.")

    def __contains__(self, item: Any) -> bool:
        raise self._refuse("to look through.")

    def __float__(self) -> float:
        raise self._refuse("yet. Make a model of it and call that on an array.")

    def __int__(self) -> int:
        raise self._refuse("yet. Make a model of it and call that on an array.")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._refuse(
            "yet. Make a model of it and call that on an array; functions of it are those of striate.ops."
        )

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs and function.__name__ in _OPERATORS:
            return self._operate(_OPERATORS[function.__name__], *inputs)  # type: ignore[attr-defined]
        raise self._instead("np", function.__name__)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise self._instead("np", function.__name__)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [*args, *(kwargs or {}).values()]
        deep = [each for one in given for each in (one if isinstance(one, list | tuple) else [one])]
        mine = next(one for one in deep if isinstance(one, Symbolic))
        raise mine._instead("torch", getattr(function, "__name__", str(function)))

    def _instead(self, package: str, name: str) -> NoNumbersError:
        known = importlib.import_module("striate.ops.signatures").SIGNATURES
        same = {"cat": "concatenate", "concat": "concatenate"}.get(name, name)
        write = f"Write ops.{same}" if same in known else "Use striate.ops"
        return self._refuse(f"for {package}.{name}. {write}, or a layer of your own whose call uses torch.")
