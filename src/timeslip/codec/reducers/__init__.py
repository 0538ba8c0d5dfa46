"""One file per library whose objects plain pickling gets wrong, slow or not at all.

A reducer is ``(pass, object) -> what __reduce_ex__ returns``, or NotImplemented for "as pickle does". It is found by
the exact type of the object; a library's file is imported when the first object of that library appears, so attaching
imports none. Libraries that are not known here can bring their own (`brought`; docs/how-to/write-a-reducer.md).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec.definitions import HEAP_TYPE, module_of, of
from timeslip.codec.kinds import compares_oddly, is_users_module
from timeslip.codec.reducers import (
    brought,
    caches,
    concealing,
    instances,
    iterators,
    python,
    secrets,
    subclasses,
    system,
    told,
)
from timeslip.codec.refilling import hashes_itself

if TYPE_CHECKING:
    from timeslip.codec.addresses import Searched
    from timeslip.codec.passes import Pass

Reducer = Callable[["Pass", Any], Any]

LIBRARIES = {
    "_ctypes": "timeslip.codec.reducers.ctypes",
    "_duckdb": "timeslip.codec.reducers.duckdb",
    "_thread": "timeslip.codec.reducers.thread",
    "aiohttp": "timeslip.codec.reducers.aiohttp",
    "anthropic": "timeslip.codec.reducers.openai",
    "argparse": "timeslip.codec.reducers.argparse",
    "astropy": "timeslip.codec.reducers.astropy",
    "bokeh": "timeslip.codec.reducers.bokeh",
    "boto3": "timeslip.codec.reducers.boto3",
    "botocore": "timeslip.codec.reducers.boto3",
    "catboost": "timeslip.codec.reducers.catboost",
    "cv2": "timeslip.codec.reducers.cv2",
    "decimal": "timeslip.codec.reducers.decimal",
    "distributed": "timeslip.codec.reducers.distributed",
    "duckdb": "timeslip.codec.reducers.duckdb",
    "h5netcdf": "timeslip.codec.reducers.h5netcdf",
    "h5py": "timeslip.codec.reducers.h5py",
    "http": "timeslip.codec.reducers.http",
    "httpcore": "timeslip.codec.reducers.httpx",
    "httpcore2": "timeslip.codec.reducers.httpx",
    "httpx": "timeslip.codec.reducers.httpx",
    "httpx2": "timeslip.codec.reducers.httpx",
    "jax": "timeslip.codec.reducers.jax",
    "jaxlib": "timeslip.codec.reducers.jax",
    "keras": "timeslip.codec.reducers.keras",
    "lightgbm": "timeslip.codec.reducers.lightgbm",
    "llvmlite": "timeslip.codec.reducers.numba",
    "lmfit": "timeslip.codec.reducers.lmfit",
    "logging": "timeslip.codec.reducers.logging",
    "matplotlib": "timeslip.codec.reducers.matplotlib",
    "multipledispatch": "timeslip.codec.reducers.wrapping",
    "numba": "timeslip.codec.reducers.numba",
    "numpy": "timeslip.codec.reducers.numpy",
    "openai": "timeslip.codec.reducers.openai",
    "pandas": "timeslip.codec.reducers.pandas",
    "patsy": "timeslip.codec.reducers.patsy",
    "PIL": "timeslip.codec.reducers.pillow",
    "plotly": "timeslip.codec.reducers.plotly",
    "polars": "timeslip.codec.reducers.polars",
    "py4j": "timeslip.codec.reducers.pyspark",
    "pyarrow": "timeslip.codec.reducers.pyarrow",
    "pydantic": "timeslip.codec.reducers.pydantic",
    "pyspark": "timeslip.codec.reducers.pyspark",
    "ray": "timeslip.codec.reducers.ray",
    "requests": "timeslip.codec.reducers.requests",
    "scipy": "timeslip.codec.reducers.scipy",
    "sklearn": "timeslip.codec.reducers.sklearn",
    "sortedcontainers": "timeslip.codec.reducers.sortedcontainers",
    "spacy": "timeslip.codec.reducers.spacy",
    "sqlalchemy": "timeslip.codec.reducers.sqlalchemy",
    "sqlite3": "timeslip.codec.reducers.sqlite",
    "ssl": "timeslip.codec.reducers.ssl",
    "sympy": "timeslip.codec.reducers.sympy",
    "statsmodels": "timeslip.codec.reducers.statsmodels",
    "tenacity": "timeslip.codec.reducers.wrapping",
    "tensorflow": "timeslip.codec.reducers.tensorflow",
    "toolz": "timeslip.codec.reducers.wrapping",
    "torch": "timeslip.codec.reducers.torch",
    "traitlets": "timeslip.codec.reducers.traitlets",
    "unittest": "timeslip.codec.reducers.unittest",
    "xgboost": "timeslip.codec.reducers.xgboost",
    "zarr": "timeslip.codec.reducers.zarr",
}
"""Top-level package of a type -> the module with ``find(kind) -> Reducer | None``."""

VOLATILE = frozenset({"matplotlib"})
"""Top-level packages whose objects are changed by being shown: drawing fills caches and moves things about."""

BASE: dict[type, Reducer | None] = {
    **python.REDUCERS,
    **caches.REDUCERS,
    **system.REDUCERS,
    **subclasses.REDUCERS,
    **iterators.REDUCERS,
    **secrets.REDUCERS,
}
"""Exact types of Python itself. Read-only."""

_process_cache: dict[type, tuple[Reducer | None, dict[int, str] | None]] = {}
"""Class -> its reducer. For those of the user's modules with the names that it was made with: these come and go."""


def find(kind: type) -> Reducer | None:
    """The reducer for instances of *kind*, None for "as pickle does".

    Remembered for types that live as long as the process, never for classes of the session.
    """
    if compares_oddly(kind):
        return _search(kind)
    if kind in _process_cache:
        known, names = _process_cache[kind]
        if names is None or names == instances.names_of(kind):
            return known
    found = _search(kind)
    module = module_of(kind)
    stays = not of(kind, "__flags__") & HEAP_TYPE  # of the interpreter or of a library, wherever it is found
    if module is not None and of(kind, "__module__") != "__main__":
        stays |= getattr(module, of(kind, "__name__"), None) is kind
    if stays:
        _process_cache[kind] = found, instances.names_of(kind) if is_users_module(of(kind, "__module__")) else None
    return found


def found_of(kind: type, searched: Searched | None) -> tuple[Reducer | None, bool]:
    """What `find` says of *kind*, and whether its instances hash themselves: once for several captures, if *searched*.

    What a class of the session says of pickling can be another thing after each run, so it is looked for anew by each
    look; of thousands of instances that one look captures one by one, it took more time than all the rest.
    """
    if searched is None:
        return find(kind), hashes_itself(kind)
    known = searched.reducers.get(kind)
    if known is None:
        known = searched.reducers[kind] = find(kind), hashes_itself(kind)
    return known


def _search(kind: type) -> Reducer | None:
    for base in of(kind, "__mro__"):
        package = str(of(base, "__module__")).partition(".")[0]
        if package in LIBRARIES:
            reducer: Reducer | None = import_module(LIBRARIES[package]).find(kind)
            if reducer is not None:
                return reducer
        else:
            reducer = brought.find(package, kind)
            if reducer is not None:
                return reducer
    for search in (system.find, told.find, instances.find, python.find, instances.find_any):
        found: Reducer | None = search(kind)
        if found is not None:
            break
    found = concealing.around(kind, found)
    is_text = any(base is io.TextIOBase for base in of(kind, "__mro__"))  # `issubclass` would want to hash the class
    return system.standard_stream(found) if is_text and found is not system.file else found
