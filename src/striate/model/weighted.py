"""A model's weights: in memory, from files, into files, and as plain PyTorch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from striate.errors import ArgumentError
from striate.graph import every_layer
from striate.model.own import Own

if TYPE_CHECKING:
    import torch

    from striate.backend.builder import Values
    from striate.weights.report import MatchReport
    from striate.weights.source import Source


class Weighted(Own):
    """The part of ``Model`` that holds weights."""

    abstract = True

    @property
    def module(self) -> torch.fx.GraphModule:
        """The torch module (channels-first tensors in and out); weights are made the first time it is asked for."""
        return self._module()

    def _module(self, values: Values | None = None) -> torch.fx.GraphModule:
        """``module``, whose layers begin with `values` where they have no weights yet."""
        from striate.backend import build
        from striate.backend.builder import apply_trainable

        graph = self.graph  # which forgets the module of before, where a layer has changed
        if self.torch_module is None:
            self.torch_module = build(graph, values)
            self.torch_module.eval()
        else:
            apply_trainable(graph)
        return self.torch_module  # type: ignore[no-any-return]

    def _explains(self, error: Exception) -> str | None:
        """What the guard says of an error of torch: weights that were turned into numbers of another kind."""
        made = "_graph" in vars(self)  # it may be the making of it that failed
        if not made or not self.built or not isinstance(error, RuntimeError | TypeError):
            return None
        if not any(
            word in str(error) for word in ("type", "Type", "not implemented for", "meta")
        ):  # about something else
            return None
        for layer in every_layer(self.graph):
            for key, tensor in {} if layer.torch_module is None else layer.torch_module.state_dict().items():
                kind = str(tensor.dtype).removeprefix("torch.")
                if tensor.is_meta:
                    return (
                        f"{layer.name}.{key} is on torch's meta device, where arrays have no numbers: load them again."
                    )
                if kind != "float32" and (tensor.is_floating_point() or tensor.is_complex()):
                    return (
                        f"{layer.name}.{key} was turned into {kind}, and a model computes with float32 weights: "
                        'model.module.float() turns them back. In 16 bits compile(precision="bf16") trains and predict(x, '
                        'engine="torch-bf16") answers.'
                    )
        return None

    def zero_grad(self) -> None:
        """Forget the gradients of all weights, before the backward pass of a loop of one's own."""
        self.module.zero_grad(set_to_none=True)

    def _state(self, values: Values | None = None) -> dict[str, torch.Tensor]:
        return {key: t for key, t in self._module(values).state_dict().items() if t.is_floating_point()}

    def save_weights(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        max_shard_size: float | None = None,
    ) -> None:
        """Write the weights as the end of the name says: Keras' .weights.h5, its legacy .h5, or safetensors.

        filepath         of the file
        overwrite        False: an older file is an error
        max_shard_size   Keras' argument: None, since weights are one file

        Raises ArgumentError for another ending or weights in several files, BundleError where the file cannot be written.
        """
        from striate.weights import save_state
        from striate.weights.endings import kind_of_weights, may_write

        if max_shard_size is not None:
            raise ArgumentError(
                f"save_weights: max_shard_size={max_shard_size!r}: weights are one file here; leave it out."
            )
        kind = kind_of_weights(filepath)
        may_write(filepath, overwrite)
        if kind == "safetensors":
            save_state(filepath, self._state(), {"layout": "striate"})
            return
        from striate.weights.keras_model import write_keras_weights

        write_keras_weights(filepath, self, self._title)

    def load_weights(
        self,
        filepath: str | os.PathLike[str],
        skip_mismatch: bool = False,
        *,
        source: str = "auto",
        by_name: bool = False,
    ) -> MatchReport:
        """Read weights from a file of Keras (.h5, .weights.h5, .keras), torch (.pth, .th), safetensors or TensorFlow
        (.ckpt), or from a saved model's folder; returns what matched, and how.

        filepath        the file or folder; of a checkpoint NAME.index with NAME.data-…, NAME
        skip_mismatch   leave layers as they are whose arrays are missing or have another shape
        source          whose names the file has: "keras", "torchvision", "timm" or "slim" for a network of ``zoo`` that
                        has names there, "striate" or "torch" for the network's own, with flattened maps in the order of
                        either; "auto" takes the one by which most fits
        by_name         take only what has the name of a layer here, and leave all others as they are

        Arrays are matched by name and turned into this network's layout.  From published weights the model also takes
        their preprocessing and the names of their classes, where it has none.  Nothing in a file is executed.  Raises
        BundleError, changing nothing, when the file is damaged or anything in it does not fit.
        """
        from striate.weights.load import load

        plan = load(self.graph.check(), self.origin, self._state, filepath, source, skip_mismatch, by_name)
        if plan.source is not None:
            self._trained_as(plan.source)
        return plan.report

    def _trained_as(self, source: Source) -> None:
        """Take the preprocessing and, with the head, the class names of published weights, where there are none yet."""
        from striate.data import class_labels
        from striate.weights.pixels import preprocessing_of

        if self.preprocessing is None:
            self.preprocessing = preprocessing_of(source, self.graph.input_shapes[0])
        if self.labels is None and self.origin is not None and not self.origin.left_out:
            self.labels = class_labels(source.data, self.graph.output_shapes[0][-1])

    def export_weights(self, path: str | os.PathLike[str], source: str) -> None:
        """Write the weights under the names, and in the layout, of a library.

        path        of the file
        source      "torchvision", "timm" or "keras"

        For torchvision and timm a state_dict, .safetensors or else for ``torch.load``; for Keras a legacy .h5, which
        ``load_weights(path, by_name=True)`` reads there.  Raises ArgumentError when the network has no names there.
        """
        from striate.weights.load import export

        export(self.graph.check(), self.origin, self._state(), path, source, self._title)

    def _load_state(self, state: dict[str, torch.Tensor], where: str) -> None:
        from striate.errors import BundleError
        from striate.weights.layout import slots_of
        from striate.weights.load import check_numbers, put

        # before any array is made: a description may ask for more memory than there is, whatever its file holds
        graph = self.graph.check()
        slots = slots_of(graph)
        for slot in slots:
            if slot.key in state and tuple(state[slot.key].shape) != tuple(slot.shape):
                raise BundleError(
                    f"{where}: {slot.key} has shape {tuple(state[slot.key].shape)}, this network's has {tuple(slot.shape)}. "
                    "Nothing was changed."
                )
            if slot.key not in state:
                raise BundleError(
                    f"the weights in {where} are not this network's: {slot.key} is missing. Nothing was changed."
                )
        new = {slot.key: state[slot.key] for slot in slots}
        foreign = [key for key in state if key not in new and not key.endswith("num_batches_tracked")]
        if foreign:
            raise BundleError(
                f"the weights in {where} are not this network's: {len(foreign)} unknown (such as {foreign[0]}). "
                "Nothing was changed."
            )
        check_numbers(new, where)
        put(graph, self._state, new, where)

    def to_source(self, path: str | os.PathLike[str] | None = None) -> str:
        """The network as one plain PyTorch file; it takes the same state_dict.

        path    also written here; None: nowhere

        Raises BundleError where the file cannot be written, ArgumentError for a network with calls of a mode of their own.
        """
        from striate.backend import to_source

        if self.graph.modes:
            raise ArgumentError(
                f"{self._title} has layers that were called with training=True or False; plain PyTorch code has no such "
                "calls. Call them without it to print the network."
            )
        shapes = ", ".join(str((*shape[-1:], *shape[:-1])) for shape in self.graph.check().input_shapes)
        about = f"{self._title}: takes (batch, channels, height, width) tensors; one input: {shapes}."
        source = to_source(self.module, about=about)
        if path is not None:
            from striate.weights import atomic_write

            atomic_write(path, source)
        return source
