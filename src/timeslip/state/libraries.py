"""Where a module comes from, and which libraries are known to keep to the process when their functions are called.

The lists here are the other way round from those of `timeslip.state.outside`: what is not listed is not trusted.
They are asked before a cell is run again unasked (`timeslip.state.rerun`), never when one is recorded.

Look-ups only; nothing is imported. Safe in any thread.
"""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from functools import lru_cache
from typing import Any, Literal

from timeslip.standard import os

Origin = Literal["session", "standard", "installed", "own", "missing"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HARMLESS = _words(
    """__future__ abc argparse array ast base64 binascii bisect builtins calendar cmath collections colorsys
    configparser contextlib contextvars copy copyreg csv dataclasses datetime decimal difflib dis enum errno fnmatch
    fractions functools getopt graphlib hashlib heapq hmac html inspect io.BytesIO io.StringIO io.SEEK_CUR
    io.SEEK_END io.SEEK_SET io.UnsupportedOperation ipaddress itertools json keyword locale marshal math numbers
    opcode operator pathlib pickle pickletools plistlib pprint queue random re reprlib shlex stat statistics string
    stringprep struct symtable textwrap threading token tokenize tomllib traceback types typing unicodedata
    urllib.parse warnings weakref zlib zoneinfo bz2.compress bz2.decompress codecs.decode codecs.encode
    gzip.compress gzip.decompress lzma.compress lzma.decompress sre_compile sre_constants sre_parse
    secrets.compare_digest sqlite3.connect os.PathLike os.altsep os.cpu_count os.curdir os.devnull os.extsep
    os.fsdecode os.fsencode os.fspath os.linesep os.name os.pardir os.pathsep os.sep os.stat_result os.strerror
    os.path.basename os.path.commonpath os.path.commonprefix os.path.dirname os.path.isabs os.path.join
    os.path.normcase os.path.normpath os.path.sep os.path.split os.path.splitdrive os.path.splitext sys.argv
    sys.byteorder sys.exc_info sys.executable sys.float_info sys.float_repr_style sys.flags sys.getdefaultencoding
    sys.getrecursionlimit sys.getrefcount sys.getsizeof sys.hash_info sys.hexversion sys.implementation sys.int_info
    sys.intern sys.maxsize sys.maxunicode sys.path sys.platform sys.prefix sys.stderr sys.stdout sys.version
    sys.version_info time.altzone time.daylight time.mktime time.strptime time.struct_time time.timezone time.tzname
    uuid.NAMESPACE_DNS uuid.NAMESPACE_OID uuid.NAMESPACE_URL uuid.NAMESPACE_X500 uuid.UUID uuid.uuid3 uuid.uuid5
    xml.dom.minidom.parseString xml.etree.ElementTree.Comment xml.etree.ElementTree.Element
    xml.etree.ElementTree.ElementTree xml.etree.ElementTree.SubElement xml.etree.ElementTree.XML
    xml.etree.ElementTree.dump xml.etree.ElementTree.fromstring xml.etree.ElementTree.indent
    xml.etree.ElementTree.iselement xml.etree.ElementTree.tostring xml.sax.saxutils _thread.LockType _thread.RLock
    _thread.allocate_lock _thread.lock _collections_abc _sha1 _sha2 _sha256 _sha3 _sha512
    _md5 _blake2 _sre _weakrefset"""
)
"""Parts of the standard library that stay within the process, by the longest name that is trusted with all below it.

What of them does touch the outside (``datetime.now``, ``json.dump``) is in the tables of `timeslip.state.outside`.
"""

_HARMLESS_WHOLE = _words(
    """abc array base64 binascii bisect cmath collections colorsys dataclasses decimal difflib enum errno fractions
    functools graphlib hashlib heapq html itertools keyword math numbers pprint re reprlib shlex stat statistics string
    struct textwrap token typing unicodedata zlib"""
)
"""Modules that may be handed on as a whole."""

_KNOWN = _words(
    """IPython.core.display IPython.core.display_functions IPython.display IPython.lib.pretty PIL altair attr attrs
    bs4 cycler cytoolz dateutil einops frozendict jax jaxlib jaxtyping markupsafe matplotlib matplotlib_inline
    more_itertools mpl_toolkits mpmath narwhals networkx numba numexpr numpy packaging pandas patsy plotly
    polars pyarrow.array pyarrow.chunked_array pyarrow.compute pyarrow.field pyarrow.float64 pyarrow.int32
    pyarrow.int64 pyarrow.lib.Array pyarrow.lib.ChunkedArray pyarrow.lib.DataType pyarrow.lib.Field
    pyarrow.lib.LargeStringArray pyarrow.lib.Schema pyarrow.lib.StringArray pyarrow.lib.Table
    pyarrow.lib._restore_array pyarrow.lib.array pyarrow.lib.chunked_array pyarrow.lib.py_buffer
    pyarrow.lib.scalar pyarrow.lib.table pyarrow.lib.type_for_alias pyarrow.scalar pyarrow.schema pyarrow.string
    pyarrow.table pyarrow.types pydantic pydantic_core pyparsing pytz regex scipy seaborn shapely simplejson six
    skimage sklearn sortedcontainers soupsieve statsmodels sympy tabulate tenacity tomli toolz torch torchvision
    tqdm typing_extensions tzdata wrapt xarray yaml"""
)
"""Installed libraries that compute and draw, by the longest name that is trusted with all below it.

Their functions that read or write are known by their names (`timeslip.state.outside`) and stopped by the fence
(`timeslip.state.fence`) where those fail. Libraries that open files by native code of their own are not here.
"""

_OUTSIDE_PARTS = {
    "jax.distributed": "uses the network", "matplotlib.font_manager": "looks at the file system",
    "numba.cuda": "uses hardware",
    "numpy.ctypeslib": "writes to memory directly", "numpy.f2py": "runs or ends a process",
    "plotly.io": "writes a file", "plotly.offline": "writes a file",
    "polars.SQLContext": "talks to a database",
    "scipy.datasets": "uses the network", "scipy.io": "reads a file", "scipy.weave": "runs or ends a process",
    "seaborn.get_dataset_names": "uses the network", "sklearn.datasets.load_files": "reads a file",
    "skimage.data": "uses the network", "skimage.io": "reads a file", "statsmodels.datasets": "reads a file",
    "sympy.preview": "writes a file", "tenacity": "waits", "torch.distributed": "uses the network",
    "torch.hub": "uses the network", "torch.multiprocessing": "runs or ends a process",
    "torch.onnx": "writes a file", "torch.package": "writes a file",
    "torch.utils.cpp_extension": "runs or ends a process", "torch.utils.tensorboard": "writes a file",
    "torchvision.datasets": "uses the network", "torchvision.io": "reads a file", "xarray.tutorial": "uses the network",
}  # fmt: skip

_SETTING_WORDS = _words("ion ioff use switch_backend seterr seterrcall setbufsize config_context init_printing patch")
_SETTING_PREFIXES = ("set_", "use_", "enable_", "disable_", "reset_", "install_", "init_")
_SETTINGS_RECORDED = (
    *("pandas.", "seaborn.", "numpy.random.set_state", "torch.set_rng_state", "matplotlib.style.use"),
    *("torch.set_default_dtype", "torch.set_grad_enabled", "torch.set_float32_matmul_precision"),
)
"""Settings of which a facet takes care: they are put back after a replay."""


def origin(module: str) -> Origin:
    """Where the module of that dotted name comes from.

    "own" is neither the standard library nor installed: a file of the user's, an editable install, a module made by
    hand. "missing" is not loaded and cannot be found.
    """
    root = module.partition(".")[0]
    if root in ("__main__", "__mp_main__", "session"):
        return "session"
    loaded = sys.modules.get(root)
    if loaded is None and (root in sys.builtin_module_names or root in sys.stdlib_module_names):
        return "standard"
    place = _place(root, loaded)
    if place is None:
        return "missing"
    if place:
        return _origin_of_file(place)
    return "standard" if root in sys.stdlib_module_names else "own"


def _place(root: str, loaded: Any) -> str | None:
    """The file or folder of a top-level module, "" for one without; None when there is none."""
    spec: Any = None
    if loaded is not None:
        names = object.__getattribute__(loaded, "__dict__")
        file = names.get("__file__")
        if type(file) is str and file:
            return file
        spec = names.get("__spec__")
        if spec is None:
            return ""
    else:
        try:
            spec = importlib.util.find_spec(root)
        except (ImportError, ValueError, AttributeError):
            spec = None  # a finder or a half-made module that does not know
        if spec is None:
            return None
    if type(spec.origin) is str and spec.has_location:
        return spec.origin
    folders = list(spec.submodule_search_locations or ())
    return str(folders[0]) if folders else ""


@lru_cache(maxsize=4096)
def _origin_of_file(file: str) -> Origin:
    path = os.path.realpath(file)
    parts = path.replace(os.sep, "/").split("/")
    if "site-packages" in parts or "dist-packages" in parts:
        return "installed"
    return "standard" if any(path.startswith(folder) for folder in _standard_folders()) else "own"


_PLACES = {name: sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
"""Asked when this module is loaded: `sysconfig` reads a file the first time, by what a cell may have patched then."""


@lru_cache(maxsize=1)
def _standard_folders() -> tuple[str, ...]:
    folders = {_PLACES["stdlib"], _PLACES["platstdlib"], os.path.dirname(os.__file__)}
    return tuple(os.path.join(os.path.realpath(folder), "") for folder in folders if folder)


@lru_cache(maxsize=256)
def _real(folder: str) -> str:
    """What the system says of every part of a path, asked once: with every restore it is the same few folders."""
    return os.path.realpath(folder)


def installed_folders() -> tuple[str, ...]:
    """Folders with a separator at their end that hold the standard library and what is installed."""
    found: Any = sys.path  # which a cell may have made anything
    texts = [folder for folder in found if type(folder) is str] if type(found) in (list, tuple) else []
    folders = [_PLACES["purelib"], _PLACES["platlib"]]
    folders += [folder for folder in texts if os.path.basename(folder) in ("site-packages", "dist-packages")]
    # Modules say where they are by the path that they were found on, which a link may be part of.
    both = [path for folder in folders if folder for path in (folder, _real(folder))]
    return (*_standard_folders(), *(os.path.join(path, "") for path in dict.fromkeys(both)))


def distrusted(path: str) -> str | None:
    """Why a thing of a library, by its dotted path, is not known to keep to the process; None when it is known to.

    Only for what comes from the standard library or is installed.
    """
    if _covered(path, _HARMLESS) or (path.startswith("_") and _covered(path[1:], _HARMLESS)):
        return None
    if not _covered(path, _KNOWN):
        return f"uses {path}, of which it is not known what it touches"
    for part, phrase in _OUTSIDE_PARTS.items():
        if path == part or path.startswith(part + "."):
            return f"{phrase} ({path})"
    return None


def is_harmless_module(name: object) -> bool:
    """Whether everything in a module of the standard library keeps to the process and to what it is given."""
    return type(name) is str and name in _HARMLESS_WHOLE


def _covered(path: str, table: frozenset[str]) -> bool:
    while path:
        if path in table:
            return True
        path = path.rpartition(".")[0]
    return False


def is_setting(path: str) -> bool:
    """Whether a function of a library's module, by its dotted path, changes a setting that no facet takes care of."""
    name = path.rpartition(".")[2]
    if path.startswith(_SETTINGS_RECORDED):
        return False
    return name in _SETTING_WORDS or name.startswith(_SETTING_PREFIXES)
