"""How scripts/state_digest.py looks at objects of libraries whose pickling shows more, or less, than their value."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from state_digest import Walk

Rule = Callable[["Walk", Any], None]


def _is(module: str, *names: str) -> Callable[[Any, type], bool]:
    """A test for instances of *names* of *module*, which is not imported for it."""

    def test(value: Any, _kind: type) -> bool:
        found = sys.modules.get(module)
        return found is not None and any(isinstance(value, getattr(found, name, ())) for name in names)

    return test


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _plotly_figure(walk: Walk, value: Any) -> None:
    """What the figure holds, not what it would send to a browser."""
    if not walk.seen(value):
        walk.token("plotly", _name(value))
        walk.push(value._data, value._layout, [frame._props for frame in value._frame_objs], value._grid_ref)


def _plotly_part(walk: Walk, value: Any) -> None:
    if not walk.seen(value):
        walk.token("plotly", _name(value))
        walk.push(value._props, value._change_callbacks, value._parent)


def _bokeh_value(walk: Walk, value: Any) -> None:
    """A value of a property, without whose it is."""
    if not walk.seen(value):
        walk.token("bokeh", _name(value))
        walk.push(dict(value) if isinstance(value, dict) else list(value))


def _bokeh_model(walk: Walk, value: Any) -> None:
    """What was set: defaults are made when somebody asks for them, and ids are counted."""
    if not walk.seen(value):
        walk.token("bokeh", _name(value))
        walk.push(value._property_values, value._callbacks, dict(value._event_callbacks))


_NOBODYS = frozenset({"comm", "log", "keys", "_view_count"})
"""Traits of widgets that are no part of their value."""


def _traits(walk: Walk, value: Any) -> None:
    """An object with traits: their values, and who is told of their changes."""
    if not walk.seen(value):
        walk.token("traits", _name(value))
        walk.push({name: held for name, held in sorted(value._trait_values.items()) if name not in _NOBODYS})
        for name, kinds in sorted(value._trait_notifiers.items(), key=str):
            for callbacks in kinds.values():
                walk.token("told", name, len([one for one in callbacks if "HasTraits" not in str(one)]))


def _dask_expression(walk: Walk, value: Any) -> None:
    """An expression by its name, which is made of all that it consists of."""
    walk.token("dask", _name(value), value._name)


def _sql(walk: Walk, value: Any) -> None:
    """A clause by its text and parameters: caches are nobody's value, and names of unnamed parts are addresses."""
    walk.token("sql", _name(value), str(value))
    compiled = value.compile() if hasattr(value, "compile") and not hasattr(value, "columns") else None
    walk.push({} if compiled is None else dict(getattr(compiled, "params", None) or {}))


def _sql_table(walk: Walk, value: Any) -> None:
    if not walk.seen(value):
        walk.token("table", value.fullname, *(f"{one.name} {one.type!r} {one.primary_key}" for one in value.columns))
        walk.token(*sorted(f"{key.parent} {key.target_fullname}" for key in value.foreign_keys))
        walk.push(value.metadata)


def _sql_metadata(walk: Walk, value: Any) -> None:
    if not walk.seen(value):
        walk.token("metadata", value.schema)
        walk.push(*value.tables.values())


def _sql_engine(walk: Walk, value: Any) -> None:
    walk.token("engine", str(value.url), value.echo)


def _sql_connection(walk: Walk, value: Any) -> None:
    """A connection by its engine and whether it can be used: caches of the dialect are nobody's value."""
    if not walk.seen(value):
        walk.token("connection", _name(value), value.closed, value.in_transaction(), value.in_nested_transaction())
        walk.push(value.engine)


def _sql_mapped(walk: Walk, value: Any) -> None:
    """An instance of a mapped class by its columns."""
    if not walk.seen(value):
        walk.token("mapped", _name(value))
        walk.push({name: held for name, held in sorted(vars(value).items()) if name != "_sa_instance_state"})


def _is_mapped(value: Any, kind: type) -> bool:
    return "sqlalchemy.orm" in sys.modules and hasattr(kind, "__mapper__") and "_sa_instance_state" in vars(value)


def _sql_attribute(walk: Walk, value: Any) -> None:
    walk.token("attribute", _name(value), getattr(value, "key", ""))


def _lmfit_parameters(walk: Walk, value: Any) -> None:
    """Its parameters: expressions are evaluated when somebody asks."""
    if not walk.seen(value):
        walk.token("parameters")
        walk.push(*value.values())


def _wcs(walk: Walk, value: Any) -> None:
    """By what its reduction consists of, attributes in no order."""
    if not walk.seen(value):
        _, arguments, *_ = value.__reduce__()
        walk.token("wcs", _name(value))
        walk.push(*(dict(sorted(part.items())) if isinstance(part, dict) else part for part in arguments))


def _h5_member(walk: Walk, value: Any) -> None:
    """A file, group or data set by what is in it: identifiers are numbers of open things."""
    if not walk.seen(value):
        walk.token("h5", _name(value), getattr(value, "mode", ""))
        if not value.id.valid:
            walk.token("closed")
        elif hasattr(value, "dtype"):
            walk.push(value.name, dict(value.attrs), value[()])
        else:
            walk.push(value.name, dict(value.attrs), {name: value[name] for name in value})


def _service(walk: Walk, value: Any) -> None:
    """A client by where it goes and as whom."""
    meta, credentials = value.meta, value._request_signer._credentials
    walk.token("service", meta.service_model.service_name, meta.region_name, meta.endpoint_url)
    walk.token(*(str(getattr(credentials, name, None)) for name in ("access_key", "secret_key", "token")))


def _tensor(walk: Walk, value: Any) -> None:
    """A torch tensor by its numbers: its own reduction names addresses."""
    if walk.seen(value):
        return
    torch: Any = sys.modules["torch"]
    walk.token("tensor", _name(value), str(value.dtype), tuple(value.shape), value.requires_grad)
    plain = value.detach().to_dense() if value.layout is not torch.strided else value.detach()
    plain = plain.resolve_conj().resolve_neg().cpu().contiguous()
    walk.token(plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b"")
    walk.push(value.grad if value.is_leaf else None, dict(vars(value)))


def _torch_generator(walk: Walk, value: Any) -> None:
    walk.token("generator")
    walk.push(value.get_state())


def _variable(walk: Walk, value: Any) -> None:
    """A tensor or variable of TensorFlow or Keras by its numbers: names are counted."""
    if not walk.seen(value):
        walk.token("variable", _name(value), str(value.dtype), tuple(value.shape))
        walk.push(sys.modules["numpy"].asarray(value))


def _language(walk: Walk, value: Any) -> None:
    """A pipeline of spaCy by what it writes to disk; elsewhere an empty dict and none are the same to it."""
    if not walk.seen(value):
        walk.token("language", _name(value), value.to_bytes())
        walk.push(value.pipe_names)


def _numba_typed(walk: Walk, value: Any) -> None:
    """The items and the type by its name: numba counts its types, in the order in which a process meets them."""
    if not walk.seen(value):
        walk.token("numba", _name(value), value._numba_type_)
        walk.push(list(value.items()) if hasattr(value, "items") else list(value))


RULES: tuple[tuple[Callable[[Any, type], bool], Rule], ...] = (
    (_is("traitlets", "HasTraits"), _traits),
    (_is("torch", "Tensor"), _tensor),
    (_is("torch", "Generator"), _torch_generator),
    (_is("keras", "Variable"), _variable),
    (_is("tensorflow.python.framework.ops", "EagerTensor"), _variable),
    (_is("tensorflow", "Variable"), _variable),
    (_is("plotly.basedatatypes", "BaseFigure"), _plotly_figure),
    (_is("plotly.basedatatypes", "BasePlotlyType"), _plotly_part),
    (_is("bokeh.core.property.wrappers", "PropertyValueContainer"), _bokeh_value),
    (_is("bokeh.model", "Model"), _bokeh_model),
    (_is("dask._expr", "Expr"), _dask_expression),
    (_is("sqlalchemy", "Table"), _sql_table),
    (_is("sqlalchemy", "MetaData"), _sql_metadata),
    (_is("sqlalchemy", "Engine"), _sql_engine),
    (_is("sqlalchemy", "Connection"), _sql_connection),
    (_is("sqlalchemy.orm", "QueryableAttribute", "Mapper", "registry"), _sql_attribute),
    (_is("sqlalchemy.orm.instrumentation", "ClassManager"), _sql_attribute),
    (_is("sqlalchemy.sql.elements", "ClauseElement"), _sql),
    (_is_mapped, _sql_mapped),
    (_is("astropy.wcs", "WCS"), _wcs),
    (_is("h5py", "Group", "Dataset"), _h5_member),
    (_is("botocore.client", "BaseClient"), _service),
    (_is("spacy.language", "Language"), _language),
    (_is("lmfit", "Parameters"), _lmfit_parameters),
    (_is("numba.typed", "List", "Dict"), _numba_typed),
)  # fmt: skip
"""Test -> rule, the first that fits."""
