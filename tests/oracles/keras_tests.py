# ruff: noqa: N802, N818, PT009, PT027  (the methods of Keras' test cases have these names)
"""Keras' own tests, run on striate: a second opinion on every name that the two share.

    STRIATE_KERAS=CHECKOUT python tests/oracles/keras_tests.py [--json FILE] [--only WORD] [--fails] [--write]

``--write`` puts the figures into docs/keras_tests.md and docs/scripts.md, between "<!-- table NAME -->" and "<!-- end -->".

The tests are read from the checkout and never copied.  Their imports of ``keras`` reach striate: a name that striate does
not have stands for itself until a test uses it, and is then counted as missing.  A test ends in one of these ways:

    pass      it holds
    missing   it uses a name that striate does not have
    refused   striate says in one line that it does not do this
    differs   another number, shape or answer than Keras'
    accepts   striate takes what Keras refuses
    crash     an exception that is not striate's
    out       it asks for what is not striate's field (recurrent nets, attention, 3-D, quantisation, other backends)
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_tree import TREE

ENDINGS = ("pass", "missing", "refused", "differs", "accepts", "crash")
ROOMS = (
    "activations",
    "callbacks",
    "constraints",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
)
PAGES = tuple(Path(__file__).parents[2] / "docs" / name for name in ("keras_tests.md", "scripts.md"))
FILES = (*ROOMS, "regularizers", "trainers/trainer_test.py", "trainers/compile_utils_test.py")
# What is not this field's: by file, by the name of the test, and by the name that it asks for.
OUT_FILES = re.compile(
    r"/(rnn|attention|bounding_boxes)/|orbax|(category_encoding|discretization|lookup|feature_space|hash|text_vector|"
    r"spectrogram|einsum|reversible|ternary|masking|data_layer|pipeline|multi_optimizer|loss_scale|3d)\w*_test"
)
OUT_TESTS = re.compile(
    r"quant|lora|gptq|awq|int4|int8|float8|fp8|distribut|sharding|sparse_(?!cat|top|pred)|_sparse|ragged|jax|_tf(_|$)|tf_data|"
    r"tensorflow|orbax|mixed_prec|dtype_polic|3d|masking|_mask|mask_|jit(?!ter)|remat|openvino|grain|rematerial|pickle|(?<![a-z])tpu|gpu"
)
OUT_NAMES = re.compile(
    r"3D|LSTM|GRU|RNN|Attention|TimeDistributed|Bidirectional|TextVectorization|Lookup|Masking|EinsumDense|Spectrogram|"
    r"tensorflow|jax|grain|quantiz|DTypePolicy|dtype_policies|distribution|remat|openvino"
)


class Missing(Exception):
    """A name that striate does not have was used."""


class Absent:
    """Stands for a name that striate does not have."""

    importing = False

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if Absent.importing:
            return Absent(f"{self._name}()")
        raise Missing(self._name)

    def __getattr__(self, name: str) -> Any:
        if name in ("__name__", "__qualname__"):
            return self._name
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self._name}.{name}")

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        missing = self._name

        class Base:
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                raise Missing(missing)

        return (Base,)

    def __subclasscheck__(self, kind: Any) -> bool:  # libraries ask whether an array is one of jax's
        return False

    def __instancecheck__(self, thing: Any) -> bool:
        return False

    def __iter__(self) -> Any:
        raise Missing(self._name)

    def __enter__(self) -> Any:
        raise Missing(self._name)

    def __exit__(self, *args: Any) -> None: ...

    def __repr__(self) -> str:
        return f"<no {self._name}>"


class Room(types.ModuleType):
    """A module of keras: what is set here, else what striate's room has, else what is absent."""

    def __init__(self, name: str, behind: Any = None, **own: Any) -> None:
        super().__init__(name)
        self.__dict__.update(own, __path__=[], _behind=behind)

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "pytest_", "setUp", "tearDown", "setup_", "teardown_")):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if full in sys.modules and isinstance(sys.modules[full], Room):
            return sys.modules[full]
        behind = self.__dict__.get("_behind")
        with contextlib.suppress(AttributeError, ValueError):  # a ValueError: refused in words
            if behind is not None:
                return getattr(behind, name)
        place = Path(os.environ["STRIATE_KERAS"], *self.__name__.split("."), name)
        if place.is_dir() or place.with_suffix(".py").is_file():
            return importlib.import_module(full)
        return everywhere(name) if name[:1].isupper() else Absent(full.removeprefix("keras.").removeprefix("src."))


def everywhere(name: str) -> Any:
    """A class by its name alone: Keras keeps each in a module of its own."""
    import striate as st

    rooms = ("layers", "losses", "metrics", "optimizers", "callbacks", "initializers", "regularizers", "constraints")
    for room in (*rooms, "models"):
        with contextlib.suppress(AttributeError, ValueError):  # a ValueError: refused in words
            return getattr(getattr(st, room), name)
    return Absent(name)


def rooms() -> dict[str, Room]:
    """The modules of keras that the tests import, as far as they are not found by their names."""
    import torch

    import striate as st
    from striate.errors import StriateError

    def standardize_dtype(dtype: Any) -> str:
        return "float32" if dtype is None else str(getattr(dtype, "__name__", dtype)).removeprefix("torch.")

    def to_tensor(x: Any, dtype: Any = None, **none: Any) -> Any:
        if isinstance(x, (bool, int, float)) or not torch.is_tensor(x):
            x = np.asarray(x)
            x = x.astype("float32") if x.dtype == np.float64 else x
            x = torch.from_numpy(np.ascontiguousarray(x).reshape(x.shape))
        return x if dtype is None else x.to(getattr(torch, standardize_dtype(dtype)))

    def to_numpy(x: Any) -> np.ndarray:
        return x.detach().cpu().numpy() if torch.is_tensor(x) else np.asarray(x)

    class Variable(torch.nn.Parameter):
        """A weight on its own, as Keras' tests of optimizers make it."""

        def __new__(cls, initializer: Any, name: str | None = None, trainable: bool = True, **none: Any) -> Any:
            made = super().__new__(cls, to_tensor(initializer).detach().float().clone(), trainable)
            made.constraint, made.path = None, name or "variable"
            return made

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

        value = property(lambda self: self)

        @property
        def min(self) -> Any:  # so that np.min makes an array of it, as of Keras' variables
            raise AttributeError

        max = min

        def assign(self, value: Any) -> None:
            self.data.copy_(to_tensor(value))

        def numpy(self) -> np.ndarray:
            return self.detach().clone().numpy()

    class Symbolic(type):
        """Calling it makes a symbolic tensor; ours are its instances."""

        def __instancecheck__(cls, one: Any) -> bool:
            return isinstance(one, st.graph.SymbolicTensor)

        def __call__(cls, shape: Any, dtype: Any = "float32", **none: Any) -> Any:
            return st.Input(batch_shape=tuple(shape), dtype=dtype)

    class KerasTensor(metaclass=Symbolic): ...

    def chosen(name: str) -> Any:
        with contextlib.suppress(AttributeError, StriateError):
            return getattr(st, name)
        return None

    config = Room(
        "keras.src.backend.config",
        floatx=lambda: "float32",
        epsilon=lambda: 1e-7,
        image_data_format=st.backend.image_data_format,
        backend=lambda: "torch",
        set_image_data_format=st.backend.set_image_data_format,
        set_floatx=lambda value: None,
        max_epochs=lambda: None,
        max_steps_per_epoch=lambda: None,
    )
    plain = {k: v for k, v in vars(config).items() if not k.startswith("_")}
    backend = Room(
        "keras.src.backend",
        **plain,
        config=config,
        KerasTensor=KerasTensor,
        Variable=Variable,
        convert_to_tensor=to_tensor,
        convert_to_numpy=to_numpy,
        is_tensor=torch.is_tensor,
        standardize_dtype=standardize_dtype,
        is_float_dtype=lambda dtype: "float" in standardize_dtype(dtype),
        shape=lambda x: tuple(x.shape),
        compute_output_spec=lambda function, *args, **kwargs: function(*args, **kwargs),
        name_scope=lambda *a, **k: contextlib.nullcontext(),
        AutocastScope=lambda dtype: torch.autocast("cpu", getattr(torch, str(dtype))),
        numpy=Room("keras.src.backend.numpy", st.ops),
        device=lambda *a, **k: contextlib.nullcontext(),
        SUPPORTS_SPARSE_TENSORS=False,
        SUPPORTS_RAGGED_TENSORS=False,
        SUPPORTS_COMPLEX_DTYPES=False,
    )
    helpers = Room("keras.src.testing.test_utils", named_product=named_product, get_test_data=get_test_data)
    testing = Room(
        "keras.src.testing",
        TestCase=case_of(to_numpy),
        test_utils=helpers,
        **{f"{name}_uses_gpu": (lambda: False) for name in ("tensorflow", "torch", "jax")},
        uses_gpu=lambda: False,
        uses_tpu=lambda: False,
        jax_uses_tpu=lambda: False,
        tensorflow_uses_tpu=lambda: False,
        assert_allclose=np.testing.assert_allclose,
        assert_array_equal=np.testing.assert_array_equal,
    )
    words = types.SimpleNamespace
    metric_words = Room(
        "keras.src.metrics.metrics_utils",
        st.metrics,
        AUCCurve=words(ROC="ROC", PR="PR", PRGAIN="PRGAIN"),
        AUCSummationMethod=words(INTERPOLATION="interpolation", MAJORING="majoring", MINORING="minoring"),
    )
    names = (*ROOMS, "ops", "random", "utils", "regularizers", "saving", "applications", "datasets")
    made = {f"keras.src.{name}": Room(f"keras.src.{name}", chosen(name)) for name in names}
    if chosen("ops") is not None:
        made["keras.src.ops"].__dict__.setdefault("convert_to_tensor", to_tensor)
    made |= {
        "keras.src.backend": backend,
        "keras.src.backend.config": config,
        "keras.backend": backend,
        "keras.src.backend.common.backend_utils": Room(
            "keras.src.backend.common.backend_utils",
            compute_conv_transpose_output_shape=conv_transpose_output_shape,
            compute_conv_transpose_padding_args_for_jax=conv_transpose_padding,
        ),
        "keras.src.backend.common.keras_tensor": Room("keras.src.backend.common.keras_tensor", KerasTensor=KerasTensor),
        "keras.src.tree": Room("keras.src.tree", **TREE),
        "keras.src.testing": testing,
        "keras.src.testing.test_case": testing,
        "keras.src.testing.test_utils": helpers,
        "keras.src.metrics.metrics_utils": metric_words,
        "keras.src.optimizers.schedules": Room("keras.src.optimizers.schedules", st.optimizers.schedules),
        "keras.src": Room("keras.src", st),
        "keras": Room("keras", st, backend=backend),
        "conftest": Room("conftest", skip_if_backend=lambda *none: lambda test: test),
        "keras.src.utils.rng_utils": Room("keras.src.utils.rng_utils", set_random_seed=st.set_seed),
        "keras.src.utils.file_utils": Room(
            "keras.src.utils.file_utils", join=os.path.join, exists=os.path.exists, File=open
        ),
    }
    from keras_trainers import CompileLoss, CompileMetrics, Stream, Trainer

    made["keras.src.trainers.compile_utils"] = Room(
        "keras.src.trainers.compile_utils", CompileLoss=CompileLoss, CompileMetrics=CompileMetrics
    )
    made["keras.src.backend.torch.trainer"] = Room("keras.src.backend.torch.trainer", TorchTrainer=Trainer)
    made["keras.src.trainers.data_adapters.py_dataset_adapter"] = Room("py_dataset_adapter", st.utils)
    made["tensorflow"] = Room("tensorflow", data=types.SimpleNamespace(Dataset=Stream), TensorSpec=lambda *a, **k: None)
    made["tensorflow"].__spec__ = importlib.machinery.ModuleSpec("tensorflow", None, is_package=True)
    made |= event_files()
    return made


def event_files() -> dict[str, Room]:
    """What the tests read TensorBoard's files with: its own readers, under the names that TensorFlow has for them."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto import event_pb2, summary_pb2

    sys.modules["tensorboard.compat.notf"] = types.ModuleType(
        "notf"
    )  # it writes without TensorFlow, which is not there

    def tf_record_iterator(path: str) -> Any:
        return RawEventFileLoader(path).Load()

    rooms = {
        "tensorflow.compat.v1": {"SummaryMetadata": summary_pb2.SummaryMetadata},
        "tensorflow.core.util": {"event_pb2": event_pb2},
        "tensorflow.python.lib.io": {"tf_record": types.SimpleNamespace(tf_record_iterator=tf_record_iterator)},
    }
    return {name: Room(name, **own) for name, own in rooms.items()}


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds every module of keras and of the libraries that striate never loads."""

    tops = ("keras", "tensorflow", "jax", "grain", "tensorflow_datasets", "orbax", "conftest")

    def __init__(self) -> None:
        self.made = rooms()
        for name, room in self.made.items():
            above = self.made.get(name.rpartition(".")[0])
            if above is not None:
                setattr(above, name.rpartition(".")[2], room)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] not in self.tops:
            return None
        if name.endswith("_test"):  # tests that take helpers from others
            file = Path(os.environ["STRIATE_KERAS"], *name.split(".")).with_suffix(".py")
            return importlib.util.spec_from_file_location(name, file) if file.is_file() else None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> Any:
        if spec.name not in self.made:  # a file inside a room: striate's room has what it holds
            above = spec.name
            while above.count(".") > 1 and above not in self.made:
                above = above.rpartition(".")[0]
            room = self.made.get(above) if above.count(".") > 1 else None
            self.made[spec.name] = Room(spec.name, room.__dict__["_behind"] if room else None)
        return self.made[spec.name]

    def exec_module(self, module: Any) -> None: ...


def named_product(*args: Any, **kwargs: Any) -> list[dict[str, Any]]:
    """All combinations of values, each with a name; like Keras' helper of this name."""
    import itertools

    fixed = [dict(row) for row in args[0]] if args else [{}]
    rows = []
    for base in fixed:
        for values in itertools.product(*kwargs.values()):
            row = base | dict(zip(kwargs, values, strict=True))
            parts = [str(base.get("testcase_name", ""))] + [str(getattr(v, "__name__", v)) for v in values]
            row["testcase_name"] = "_" + re.sub(r"\W+", "_", "_".join(p for p in parts if p))
            rows.append(row)
    return rows


def get_test_data(
    train_samples: int, test_samples: int, input_shape: Any, num_classes: int, random_seed: Any = None
) -> Any:
    """Clusters around a random template for each class: ((x, y), (x, y))."""
    rng = np.random.default_rng(random_seed)
    y = np.arange(train_samples + test_samples) % num_classes
    templates = 2 * num_classes * rng.random((num_classes, *input_shape))
    x = (templates[y] + rng.normal(size=(len(y), *input_shape))).astype("float32")
    return (x[:train_samples], y[:train_samples]), (x[train_samples:], y[train_samples:])


def painted(sizes: Any, kernel: Any, strides: Any, padding: str, more: Any, dilation: Any) -> Any:
    """A transposed convolution by TensorFlow's rule, for each axis: cells that it gives, that it cuts off before them, and
    the stride and span of its window."""
    each = [value if isinstance(value, (tuple, list)) else [value] * len(sizes) for value in (strides, dilation, more)]
    for size, cells, stride, apart, extra in zip(sizes, kernel, *each, strict=False):
        span = (cells - 1) * apart + 1
        whole = (size - 1) * stride + span
        if padding == "valid":
            yield whole + (max(stride - span, 0) if extra is None else extra), 0, stride, span
        else:
            out = size * stride if extra is None else (size - 1) * stride + span % 2 + extra
            yield out, max(whole - out, 0) // 2, stride, span


def conv_transpose_output_shape(
    input_shape: Any,
    kernel_size: Any,
    filters: int,
    strides: Any,
    padding: str,
    output_padding: Any = None,
    data_format: str = "channels_last",
    dilation_rate: Any = 1,
) -> list[Any]:
    """The shape that a transposed convolution gives; `kernel_size` may be the whole kernel's shape."""
    first = data_format == "channels_first"
    sizes = input_shape[2:] if first else input_shape[1:-1]
    out = [one[0] for one in painted(sizes, kernel_size, strides, padding, output_padding, dilation_rate)]
    return [input_shape[0], filters, *out] if first else [input_shape[0], *out, filters]


def conv_transpose_padding(
    input_shape: Any, kernel_shape: Any, strides: Any, padding: str, output_padding: Any, dilation_rate: Any
) -> list[tuple[int, int]]:
    """Zeros (before, after) each axis of the input, stretched, over which a plain convolution gives the same."""
    sizes = input_shape[1:-1]
    each = painted(sizes, kernel_shape, strides, padding, output_padding, dilation_rate)
    return [
        (span - 1 - cut, out + cut - 1 - (size - 1) * stride)
        for size, (out, cut, stride, span) in zip(sizes, each, strict=True)
    ]


def case_of(to_numpy: Any) -> type:
    """The base of Keras' test cases, on striate."""
    from absl.testing import parameterized

    import striate as st
    from striate.errors import StriateError

    def numbers(x: Any) -> np.ndarray:
        several = isinstance(x, (list, tuple)) and not hasattr(x, "__array__")
        return np.array([to_numpy(v) for v in x]) if several else to_numpy(x)

    class TestCase(parameterized.TestCase):
        maxDiff = None

        def setUp(self) -> None:
            st.set_seed(1337)

        def get_temp_dir(self) -> str:
            folder = tempfile.mkdtemp()
            self.addCleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
            return folder

        def convert_to_numpy(self, x: Any) -> np.ndarray:
            return to_numpy(x)

        # -- errors: ours are of one class, in words of ours -----------------------------------------------------------
        def assertRaises(self, expected: Any, *args: Any, **kwargs: Any) -> Any:
            kinds = expected if isinstance(expected, tuple) else (expected,)
            return super().assertRaises((*kinds, StriateError), *args, **kwargs)

        def assertRaisesRegex(self, expected_exception: Any, expected_regex: Any, *args: Any, **kwargs: Any) -> Any:
            return self.assertRaises(expected_exception, *args, **kwargs)

        # -- numbers ---------------------------------------------------------------------------------------------------
        def assertAllClose(
            self, a: Any, b: Any, atol: float = 1e-6, rtol: float = 1e-6, msg: Any = None, **none: Any
        ) -> None:
            np.testing.assert_allclose(numbers(a), numbers(b), atol=max(atol, 1e-5), rtol=max(rtol, 1e-5))

        def assertNotAllClose(self, a: Any, b: Any, atol: float = 1e-6, rtol: float = 1e-6, msg: Any = None) -> None:
            if np.allclose(numbers(a), numbers(b), atol=atol, rtol=rtol):
                raise AssertionError("all values are close")

        def assertAlmostEqual(self, a: Any, b: Any, decimal: int = 3, msg: Any = None, **none: Any) -> None:
            np.testing.assert_almost_equal(numbers(a), numbers(b), decimal=decimal)

        def assertAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
            np.testing.assert_array_equal(numbers(a), numbers(b))

        def assertLen(self, x: Any, n: int, msg: Any = None) -> None:
            self.assertEqual(len(x), n)

        def assertDType(self, x: Any, dtype: Any, msg: Any = None) -> None:
            self.assertEqual(str(x.dtype).removeprefix("torch."), str(dtype))

        def assertSparse(self, x: Any, sparse: bool = True) -> None:
            self.assertFalse(sparse)

        def assertAllInRange(self, x: Any, low: float, high: float, **none: Any) -> None:
            self.assertTrue(bool(((numbers(x) >= low) & (numbers(x) <= high)).all()))

        # -- objects ---------------------------------------------------------------------------------------------------
        def run_class_serialization_test(self, instance: Any, custom_objects: Any = None) -> Any:
            if not hasattr(instance, "get_config"):
                raise Missing(f"{type(instance).__name__}.get_config")
            config = instance.get_config()
            with st.saving.custom_object_scope(custom_objects or {}):
                again = type(instance).from_config(json.loads(json.dumps(config)))
            self.assertEqual(json.dumps(config), json.dumps(again.get_config()))
            return again

        def run_layer_test(
            self,
            layer_cls: Any,
            init_kwargs: dict[str, Any] | None = None,
            input_shape: Any = None,
            input_dtype: Any = None,
            input_data: Any = None,
            call_kwargs: dict[str, Any] | None = None,
            expected_output_shape: Any = None,
            expected_output: Any = None,
            expected_num_trainable_weights: int | None = None,
            expected_num_non_trainable_weights: int | None = None,
            expected_num_losses: int | None = None,
            custom_objects: Any = None,
            run_training_check: bool = True,
            input_sparse: bool = False,
            input_ragged: bool = False,
            **none: Any,
        ) -> None:
            if input_sparse or input_ragged:
                self.skipTest("sparse and ragged inputs")
            init_kwargs, call_kwargs = init_kwargs or {}, call_kwargs or {}
            self.run_class_serialization_test(layer_cls(**init_kwargs), custom_objects)
            if input_data is None and input_shape is None:
                return
            several = input_data if input_shape is None else input_shape
            several = isinstance(several, list) or (
                isinstance(several, tuple) and isinstance(several[0], (tuple, list))
            )
            if input_data is None:
                shapes = list(input_shape) if several else [input_shape]
                kind = str(input_dtype[0] if isinstance(input_dtype, (list, tuple)) else input_dtype or "float32")
                rng = np.random.default_rng(0)
                arrays = [
                    (4 * rng.standard_normal(s)).astype(kind) if "float" in kind else np.ones(s, kind) for s in shapes
                ]
            else:
                arrays = [to_numpy(x) for x in (input_data if several else [input_data])]
            # symbolic
            layer = layer_cls(**init_kwargs)
            single = getattr(layer, "changes_pictures", False) and arrays[0].ndim == 3  # symbols always have a batch
            shapes = [a.shape if single else a.shape[1:] for a in arrays]
            types = ["float32" if a.dtype == np.float64 else str(a.dtype) for a in arrays]
            inputs = [st.Input(shape, dtype=dtype) for shape, dtype in zip(shapes, types, strict=True)]
            out = layer(inputs if several else inputs[0])
            wanted = expected_output_shape
            if wanted is not None:
                batch = (None,) if single else ()
                self.assertEqual(sizes(out, len(batch + tuple(wanted))), (batch + tuple(wanted))[1:])
            self.assert_weights(layer, expected_num_trainable_weights, expected_num_non_trainable_weights)
            # numbers
            layer = layer_cls(**init_kwargs)
            answer = layer(arrays if several else arrays[0], **call_kwargs)
            if wanted is not None:
                self.assertEqual(
                    tuple(answer.shape), tuple(a if w is None else w for a, w in zip(answer.shape, wanted, strict=True))
                )
            if expected_output is not None:
                self.assertAllClose(answer, expected_output)
            if expected_num_losses is not None:
                self.assertLen(layer.losses, expected_num_losses)
            if run_training_check and all(a.dtype.kind == "f" for a in arrays):
                inputs = [st.Input(shape) for shape in shapes]
                model = st.Model(inputs, layer_cls(**init_kwargs)(inputs if several else inputs[0]))
                if not model.trainable_weights:  # Keras goes through the motions; here that is an error in words
                    return
                model.compile(optimizer="sgd", loss=lambda y, p: p.sum())
                model.fit(arrays if several else arrays[0], to_numpy(answer), batch_size=len(arrays[0]), verbose=0)

        def assert_weights(self, layer: Any, trainable: int | None, frozen: int | None) -> None:
            for name, wanted in (("trainable_weights", trainable), ("non_trainable_weights", frozen)):
                if wanted is not None:
                    if not hasattr(layer, name):
                        raise Missing(f"Layer.{name}")
                    self.assertLen(getattr(layer, name), wanted)

    return TestCase


def sizes(tensor: Any, axes: int) -> tuple[int | None, ...]:
    """The shape of a symbolic tensor of `axes` axes without the batch; its ``shape`` may have it or not."""
    shape = tuple(tensor.shape)
    return shape[1:] if len(shape) == axes else shape


class Count:
    """How each test ended, by file."""

    def __init__(self, only: str) -> None:
        self.ends: dict[str, tuple[str, str]] = {}
        self.only = only

    @pytest.hookimpl(hookwrapper=True)
    def pytest_collection(self, session: Any) -> Any:
        Absent.importing = True
        yield
        Absent.importing = False

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.ends[report.nodeid] = ("crash", "cannot be read: " + str(report.longrepr).strip().splitlines()[-1])

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [i for i in items if not OUT_TESTS.search(i.name.lower()) and self.only in i.nodeid]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
        yield
        if call.when == "setup" and call.excinfo is None:
            return
        if call.when == "call" or call.excinfo is not None:
            self.ends.setdefault(item.nodeid, ending(call.excinfo))


def ending(excinfo: Any) -> tuple[str, str]:
    from striate.errors import StriateError

    if excinfo is None:
        return "pass", ""
    error, text = excinfo.value, f"{excinfo.typename}: {excinfo.value}".replace("\n", " ")[:300]
    if excinfo.typename in ("Skipped", "SkipTest") or (isinstance(error, Missing) and OUT_NAMES.search(str(error))):
        return "out", text
    if isinstance(error, Missing):
        return "missing", str(error)
    if isinstance(error, StriateError):
        return "refused", text
    if isinstance(error, AssertionError):
        return ("accepts" if "not raised" in str(error) else "differs"), text
    if isinstance(error, (AttributeError, ImportError)) and re.search(r"has no attribute|cannot import", str(error)):
        return "missing", text
    return "crash", text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="write how each test ended to this file")
    parser.add_argument("--only", default="", help="only tests whose file and name have this in them")
    parser.add_argument("--fails", action="store_true", help="print every test that does not pass, and why")
    parser.add_argument("--write", action="store_true", help="write the figures into the docs")
    given = parser.parse_args()
    home = os.environ.get("STRIATE_KERAS")
    if not home:
        parser.error("STRIATE_KERAS must be the path of a checkout of Keras.")
    if given.write and given.only:
        parser.error("--write is for a run of all tests.")
    root = Path(home) / "keras" / "src"
    files = [
        f
        for part in FILES
        for f in ([root / part] if part.endswith(".py") else sorted((root / part).rglob("*_test.py")))
    ]
    files = [f for f in files if not OUT_FILES.search(f.as_posix())]
    if given.only:
        files = [f for f in files if given.only.partition("::")[0].rpartition("/")[2] in f.as_posix()] or files
    finder = Finder()
    sys.meta_path.insert(0, finder)
    sys.modules.update(finder.made)  # before pytest makes modules of the checkout's folders
    count = Count(given.only)
    options = [
        "--continue-on-collection-errors",
        "-q",
        "-q",
        "--no-header",
        "--import-mode=importlib",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--noconftest",
    ]
    ini = Path(tempfile.mkdtemp()) / "pytest.ini"
    ini.write_text("[pytest]\n")
    os.chdir(ini.parent)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        pytest.main([*options, "-c", str(ini), "--rootdir", str(root), *map(str, files)], plugins=[count])
    tables = figures(count.ends, root)
    if given.fails:
        for node, (how, why) in count.ends.items():
            if how not in ("pass", "out"):
                print(f"{how:8} {node}\n         {why}")
    print(tables["by file"], tables["sum"], sep="\n\n")
    if given.json:
        Path(given.json).write_text(json.dumps(count.ends, indent=1))
    if given.write:
        for page in PAGES:
            page.write_text(written(page.read_text(), tables))


def figures(ends: dict[str, tuple[str, str]], root: Path) -> dict[str, str]:
    """What the docs say of a run, by the names of their tables.

    ends    how each test ended, and why
    root    the folder of Keras' sources
    """
    by_file: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    by_room: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for node, (how, _) in ends.items():
        file = node.partition("::")[0]
        by_file[f"`{file}`"][how] += 1
        by_room[f"`{file.partition('/')[0]}`"][how] += 1
    total = sum(by_file.values(), collections.Counter())
    inside = sum(total[end] for end in ENDINGS)
    version = re.search(r'__version__ = "(.*?)"', (root / "version.py").read_text())
    return {
        "sum": f"Of Keras {version[1] if version else '?'}, {total['pass']:,} of {inside:,} tests in scope pass, "
        f"{total['pass'] / max(inside, 1):.1%}; {total['out']:,} more ask for other fields.",
        "by file": rows("file", by_file),
        "by room": rows("tests of", {**dict(sorted(by_room.items())), "all": total}),
    }


def rows(head: str, counted: dict[str, collections.Counter[str]]) -> str:
    """A table of Markdown: how many tests of each came to each end; those without any in scope are left out."""
    lines = [f"| {head} | {' | '.join(ENDINGS)} |", f"| --- | {' | '.join('---:' for _ in ENDINGS)} |"]
    for name, counts in counted.items() if "all" in counted else sorted(counted.items()):
        if any(counts[end] for end in ENDINGS):
            lines.append(f"| {name} | {' | '.join(str(counts[end]) for end in ENDINGS)} |")
    return "\n".join(lines)


def written(page: str, tables: dict[str, str]) -> str:
    """A page with its tables written anew; one that it has no place for stays out."""
    for name, table in tables.items():
        pattern = rf"(<!-- table {name} -->\n).*?(\n<!-- end -->)"
        page = re.sub(pattern, lambda found, table=table: f"{found[1]}\n{table}\n{found[2]}", page, flags=re.S)  # type: ignore[misc]
    return page


if __name__ == "__main__":
    main()
