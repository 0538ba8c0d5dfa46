"""TensorFlow: tensors and variables by their numbers, functions by the Python functions that they are compiled from.

What TensorFlow has compiled (graphs, concrete functions, data sets) is not walked into: a copy of its handles would
take down what the original still needs.
"""

from __future__ import annotations

import functools
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec import tried
from timeslip.codec.reducers import added, traced
from timeslip.codec.reducers.keras import tracked
from timeslip.codec.reducers.numpy import owned

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_DATA = "a data set of TensorFlow, which has no form that can be stored"
_COMPILED = "compiled by TensorFlow: it has no form that can be stored"


def library() -> Any:
    """TensorFlow: loaded where a tensor is stored; in a new process nothing may have asked for it yet."""
    return sys.modules.get("tensorflow") or import_module("tensorflow")


class _Numbers:
    """What is in a tensor or variable: a copy, or memory that nobody can write to, so it links nothing."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


def _numbers(state: Pass, held: _Numbers) -> Any:
    return owned(state, held.array)


def _content(state: Pass, tensor: Any) -> Any:
    numpy = sys.modules["numpy"]
    found = tensor.__reduce__()[1][0]  # as TensorFlow pickles it, which is without a copy, unlike `numpy()`
    if not isinstance(found, numpy.ndarray):
        found = numpy.asarray(found, getattr(found, "dtype", object))  # a text of bytes would lose its last zeros
    state.table[_Numbers] = _numbers
    return _Numbers(found)


def _tensor(state: Pass, tensor: Any) -> Any:
    if (itself := tried.reference(tensor)) is not None:
        return itself
    if tensor.dtype.name in ("resource", "variant"):
        return state.hole(tensor, f"it refers to something of TensorFlow ({tensor.dtype.name})")
    return make_tensor, (_content(state, tensor), tensor.dtype.name, _place(tensor))


def _place(obj: Any) -> str:
    """The device, where it is not main memory."""
    return "" if "CPU" in obj.device else str(obj.device)


def make_tensor(content: Any, dtype: str, place: str) -> Any:
    """A tensor."""
    tf = library()
    if not place:
        return tf.constant(content, dtype)
    with tf.device(place):
        return tf.constant(content, dtype)


def _variable(state: Pass, variable: Any) -> Any:
    if (itself := tried.reference(variable)) is not None:
        return itself
    if not variable._in_graph_mode and variable.dtype.name not in ("resource", "variant"):
        kinds = (type(variable), variable.trainable, variable.synchronization.value, variable.aggregation.value)
        names = (variable._handle_name.rpartition(":")[0], variable._unique_id)
        shape = tuple(variable.shape) if variable.shape.rank is not None else None
        made = (_content(state, variable.read_value()), variable.dtype.name, shape, kinds, names, _place(variable))
        kept = ("_self_", "_aggregation", "_synchronization")  # of enumerations there are several
        attributes = {name: value for name, value in vars(variable).items() if name.startswith(kept)}
        return make_variable, made, (variable._constraint, attributes), None, None, set_variable
    return state.hole(variable, "a variable of a graph")


def make_variable(content: Any, dtype: str, shape: Any, kinds: Any, names: Any, place: str) -> Any:
    """A variable."""
    tf = library()
    kind, trainable, synchronization, aggregation = kinds
    with tf.init_scope(), tf.device(place or "CPU:0"):
        made = tf.Variable(
            tf.constant(content, dtype),
            trainable=trainable,
            name=names[0],
            dtype=dtype,
            shape=tf.TensorShape(shape),
            synchronization=tf.VariableSynchronization(synchronization),
            aggregation=tf.VariableAggregation(aggregation),
        )
    made._unique_id = names[1]  # optimizers know their variables by it
    made.__class__ = kind  # that of variables that a compiled function has made, which differ in their making only
    return made


def set_variable(variable: Any, parts: tuple[Any, dict[str, Any]]) -> None:
    """State setter for variables: the constraint, and what checkpoints know of it."""
    variable._constraint, attributes = parts
    vars(variable).update(attributes)


def _dict_wrapper(state: Pass, wrapper: Any) -> Any:
    return make_dict_wrapper, (type(wrapper),), wrapper.__wrapped__, None, None, set_dict_wrapper


def make_dict_wrapper(kind: Any) -> Any:
    """What TensorFlow puts around a dict that is an attribute."""
    return kind({})


def set_dict_wrapper(wrapper: Any, wrapped: dict[Any, Any]) -> None:
    """State setter: the dict."""
    wrapper.__wrapped__ = wrapped


def _function(state: Pass, function: Any) -> Any:
    options = {
        "autograph": function._autograph,
        "jit_compile": function._jit_compile,
        "reduce_retracing": function._reduce_retracing,
    }
    if function._attributes:
        options["experimental_attributes"] = function._attributes
    if function._created_variables:
        state.note(function, "it is compiled again, without what the first compilation has made", fatal=False)
    held: set[int] = set()
    for made in function._list_all_concrete_functions():  # which hold the very variables they were compiled with
        held.update(map(id, made.variables))
    state.held |= held
    times, python = function.experimental_get_tracing_count(), function._python_function
    traces = traced.compiled(state, function, times, python, held)
    return make_function, (function._python_function, function.input_signature, options, traces)


def make_function(python: Any, signature: Any, options: dict[str, Any], _: Any = None) -> Any:
    """A function that TensorFlow compiles when it is called."""
    return library().function(python, input_signature=signature, **options)


def _strategy(state: Pass, strategy: Any) -> Any:
    return default_strategy, ()


def default_strategy() -> Any:
    """How TensorFlow distributes where nobody has said how: one object for the process."""
    library()  # its parts cannot be loaded by themselves
    return import_module("tensorflow.python.distribute.distribute_lib")._get_default_strategy()


def _lost(reason: str) -> Any:
    return lambda state, obj: state.hole(obj, reason)


_BY_NAME: dict[str, Any] = {
    "framework.ops.EagerTensor": _tensor,
    "ops.resource_variable_ops.ResourceVariable": _variable,
    "eager.polymorphic_function.polymorphic_function.UnliftedInitializerVariable": _variable,
    "eager.polymorphic_function.polymorphic_function.Function": _function,
    "distribute.distribute_lib._DefaultDistributionStrategy": _strategy,
    "eager.polymorphic_function.concrete_function.ConcreteFunction": _lost(_COMPILED),
    "eager.polymorphic_function.atomic_function.AtomicFunction": _lost(_COMPILED),
    "framework.func_graph.FuncGraph": _lost(_COMPILED),
    "data.ops.iterator_ops.OwnedIterator": _lost("an iterator over a data set of TensorFlow"),
    "trackable.data_structures.ListWrapper": tracked(list),
    "trackable.data_structures._DictWrapper": _dict_wrapper,
}
"""Classes below ``tensorflow.python``."""
_WITH_ATTRIBUTES = (_tensor, _variable, _function)
_WRAPPING = frozenset(
    {"_tf_decorator", "__original_wrapped__", *functools.WRAPPER_ASSIGNMENTS, "__wrapped__", "__signature__"}
)
"""What TensorFlow sets on its objects without naming it in their classes."""


def find(kind: type) -> Any:
    """The reducer for what TensorFlow's own pickling gets wrong or walks too far into, or None."""
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("tensorflow.python.")
    if name in _BY_NAME:
        reducer = _BY_NAME[name]
        return added.keeping(reducer, _WRAPPING) if reducer in _WITH_ATTRIBUTES else reducer
    module = sys.modules.get("tensorflow.python.data.ops.dataset_ops")
    return _lost(_DATA) if module is not None and issubclass(kind, module.DatasetV2) else None
