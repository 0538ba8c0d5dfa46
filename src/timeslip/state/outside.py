"""What names of the standard library and of common libraries mean for a session.

Which of them can reach any name of it, which touch the world outside, which start threads, which keep code to run
later.

The tables are judgement, not proof. They lean one way: a doubtful entry is listed. What that costs is a name looked at
in vain, or a cell that is not re-run unasked; what a missing entry would cost is a lost update or a file written twice.
Reading a file counts as touching the outside: replay must give the same value again, and a file may have changed.

Pure tables and look-ups: no state but caches, safe in any thread.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

Kind = Literal["dynamic", "outside", "threads", "hook"]


class Finding(NamedTuple):
    """One thing that a use of a name says about code.

    Attributes:
        kind: `dynamic` (may reach any name), `outside`, `threads`, or `hook` (keeps code and may run it later).
        reason: a short phrase for people, such as ``opens a file (open)``.
    """

    kind: Kind
    reason: str


CONVENTIONAL = {
    "np": "numpy", "pd": "pandas", "plt": "matplotlib.pyplot", "sns": "seaborn", "tf": "tensorflow",
    "sm": "statsmodels.api",
    "ne": "numexpr", "nx": "networkx", "widgets": "ipywidgets", "pkl": "pickle", "mp": "multiprocessing",
    "dt": "datetime",
    "wx": "wx", "sp": "scipy", "ip": "IPython.shell", "sqlite": "sqlite3",
}  # fmt: skip
"""Names that nearly everybody gives these modules; used only when neither the code nor the live value says more."""

_SAME = {
    "posix": "os", "nt": "os", "_io": "io", "_pickle": "pickle", "_sqlite3": "sqlite3", "_socket": "socket",
    "posixpath": "os.path", "ntpath": "os.path", "genericpath": "os.path", "_ctypes": "ctypes", "_pickle_": "pickle",
    "_signal": "signal", "_posixsubprocess": "subprocess", "_cffi_backend": "cffi", "ipykernel": "IPython.shell",
    "imp": "importlib", "_frozen_importlib": "importlib", "_imp": "importlib", "_warnings": "warnings",
}  # fmt: skip
"""Private modules under the name by which the tables know them."""


def _words(table: dict[str, str]) -> dict[str, str]:
    """Turn ``{phrase: "name name"}`` into ``{name: phrase}``."""
    return {name: phrase for phrase, names in table.items() for name in names.split()}


_DYNAMIC_PATHS = _words({
    "runs code made at run time": """exec eval compile builtins.exec builtins.eval builtins.compile code.interact
        code.InteractiveConsole code.InteractiveInterpreter profile.run profile.runctx trace.Trace types.FunctionType
        types.CodeType numexpr.run timeit.timeit timeit.repeat timeit.Timer""",
    "reaches every name of the session": """globals locals vars builtins.globals builtins.locals builtins.vars
        sys.modules sys._getframe sys._current_frames inspect.currentframe inspect.stack inspect.trace
        inspect.getinnerframes inspect.getouterframes inspect.getclosurevars inspect.getframeinfo
        inspect.getgeneratorlocals inspect.getcoroutinelocals""",
    "imports by a computed name": "__import__ builtins.__import__",
    "opens a debugger": "breakpoint builtins.breakpoint",
    "reaches the shell of the session": """get_ipython IPython.get_ipython IPython.embed IPython.start_ipython
        IPython.start_kernel""",
    "sets attributes on an unknown object": "setattr delattr builtins.setattr builtins.delattr",
    "runs code while unpickling": """pickle.load pickle.loads pickle.Unpickler dill.load dill.loads dill.load_session
        dill.load_module dill.Unpickler cloudpickle.load cloudpickle.loads joblib.load joblib.numpy_pickle.load
        torch.load
        torch.serialization.load pandas.read_pickle shelve.open marshal.loads marshal.load""",
})  # fmt: skip
_DYNAMIC_MODULES = _words({
    "reaches every name of the session": "__main__ gc",
    "writes to memory directly": "ctypes cffi",
    "imports or reloads by a computed name": "importlib runpy imp",
    "runs code made at run time": "codeop cProfile doctest pdb bdb ipdb timeit",
    "reaches the shell of the session": "IPython.shell IPython.core",
})  # fmt: skip
_DYNAMIC_ATTRIBUTES = _words({
    "reaches every name of the session": """__globals__ __builtins__ f_globals f_locals f_builtins f_back gi_frame
        cr_frame ag_frame tb_frame __subclasses__ user_ns user_global_ns user_module get_referrers get_referents
        get_objects _getframe _current_frames currentframe push""",
    "runs code made at run time": """run_cell run_cell_async run_line_magic run_cell_magic run_code run_ast_nodes ex
        ev exec
        execfile safe_execfile exec_module load_module import_module runctx magic""",
    "runs code while unpickling": "read_pickle find_class",
})  # fmt: skip

_OUTSIDE_PATHS = _words({
    "opens a file": """open io.open io.FileIO builtins.open codecs.open io.open_code os.open os.fdopen io.TextIOWrapper
        io.BufferedReader io.BufferedWriter io.BufferedRandom fileinput.input h5py.File netCDF4.Dataset tables.open_file
        zarr.open zipfile.ZipFile tarfile.TarFile PIL.Image.open xarray.open_dataset mmap.mmap logging.FileHandler
        logging.basicConfig logging.config imageio.imread pandas.ExcelWriter pandas.ExcelFile pandas.HDFStore dbm.open
        numpy.load numpy.memmap numpy.DataSource sqlite3.connect""",
    "looks at the file system": """os.listdir os.walk os.scandir os.stat os.lstat os.access os.readlink os.path.exists
        os.path.isfile os.path.isdir os.path.getsize os.path.getmtime os.path.getctime os.path.getatime os.path.abspath
        os.path.realpath os.path.lexists os.path.islink os.path.ismount os.path.samefile os.path.expanduser
        os.path.expandvars os.getcwd os.getcwdb os.statvfs glob.glob glob.iglob os.get_terminal_size
        posixpath.exists pathlib.Path.cwd pathlib.Path.home""",
    "changes files": """os.remove os.unlink os.rmdir os.removedirs os.mkdir os.makedirs os.rename os.renames os.replace
        os.link os.symlink os.chmod os.chown os.truncate os.utime os.mkfifo os.write os.ftruncate os.sendfile
        os.copy_file_range""",
    "changes the environment": """os.environ os.environb os.putenv os.unsetenv os.getenv os.chdir os.fchdir os.umask
        locale.setlocale""",
    "runs or ends a process": """os.system os.popen os.fork os.forkpty os.kill os.killpg os._exit os.abort os.wait
        os.waitpid
        os.startfile sys.exit exit quit builtins.exit builtins.quit site.Quitter concurrent.futures.ProcessPoolExecutor
        concurrent.futures.process.ProcessPoolExecutor signal.signal signal.alarm signal.setitimer signal.raise_signal
        signal.pause os.nice resource.setrlimit SystemExit KeyboardInterrupt os.posix_spawn
        asyncio.create_subprocess_exec
        asyncio.create_subprocess_shell""",
    "looks at processes": """os.getpid os.getppid os.getlogin os.getuid os.times os.getloadavg resource.getrusage
        getpass.getuser os.uname""",
    "asks for input": "input builtins.input sys.stdin getpass.getpass",
    "reads a clock": """time.time time.time_ns time.perf_counter time.perf_counter_ns time.monotonic time.monotonic_ns
        time.process_time time.process_time_ns time.thread_time time.clock_gettime time.localtime time.gmtime time.ctime
        time.asctime time.strftime datetime.now datetime.utcnow datetime.today date.today datetime.datetime.now
        datetime.datetime.utcnow datetime.datetime.today datetime.date.today timeit.default_timer pandas.Timestamp.now
        pandas.Timestamp.today pandas.Timestamp.utcnow""",
    "waits": "time.sleep asyncio.sleep",
    "takes fresh randomness": """os.urandom os.getrandom uuid.uuid1 uuid.uuid4 random.SystemRandom secrets.token_bytes
        secrets.token_hex secrets.token_urlsafe secrets.choice secrets.randbelow secrets.randbits
        secrets.SystemRandom""",
    "uses the network": """urllib.request.urlopen urllib.request.urlretrieve urllib.request.build_opener
        urllib.request.Request
        urllib.request.install_opener seaborn.load_dataset requests.get requests.post socket.socket
        asyncio.open_connection asyncio.start_server""",
    "shows media from a file or the network": """IPython.display.Image IPython.display.Audio IPython.display.Video
        IPython.display.FileLink IPython.display.FileLinks IPython.display.IFrame IPython.display.Javascript
        IPython.display.YouTubeVideo IPython.core.display.Image""",
    "changes the interpreter": """sys.setrecursionlimit sys.settrace sys.setprofile sys.setswitchinterval
        sys.addaudithook
        threading.settrace threading.setprofile atexit.register atexit.unregister""",
})  # fmt: skip
_OUTSIDE_MODULES = _words({
    "runs or ends a process": "subprocess pty pexpect sh multiprocessing psutil billiard",
    "uses the network": """requests httpx aiohttp urllib3 socket ssl ftplib smtplib imaplib poplib telnetlib
        socketserver
        http.client http.server xmlrpc webbrowser boto3 botocore paramiko fsspec s3fs gcsfs websocket websockets
        kaggle gdown wget yfinance openai anthropic selenium pika zmq grpc tweepy praw bs4.urlopen wikipedia
        huggingface_hub pandas_datareader ray dask.distributed distributed mlflow wandb""",
    "changes files": "shutil tempfile filecmp",
    "talks to a database": """sqlite3 sqlalchemy psycopg2 psycopg pymysql MySQLdb pymongo redis duckdb cx_Oracle pyodbc
        asyncpg aiosqlite peewee""",
    "uses widgets": "ipywidgets ipyleaflet bqplot panel gradio streamlit dash",
    "opens a window": "tkinter PyQt5 PyQt6 PySide6 PySide2 wx pygame turtle cv2.imshow pyautogui",
    "travels in time": "timeslip",
    "writes to a log": "logging syslog loguru structlog",
    "records or uses hardware": "serial pyaudio sounddevice pyvisa RPi",
})  # fmt: skip
_DECLARING = tuple(
    f"sqlalchemy.{name}"
    for name in (
        *("orm.decl_api.", "orm._orm_constructors.", "orm.base.Mapped", "orm.DeclarativeBase", "orm.Mapped"),
        *("orm.declarative_base", "orm.mapped_column", "orm.relationship", "orm.registry"),
        *("sql.schema.Column", "sql.schema.ForeignKey", "sql.sqltypes.", "types."),
        *("Column", "ForeignKey", "Integer", "String", "Text", "Float", "Boolean", "DateTime", "Date", "Numeric"),
    )
)
"""What says how classes and tables are made, and talks to no database."""
_OUTSIDE_ATTRIBUTES = _words({
    "opens a file": """open open_file open_dataset open_mfdataset open_zarr open_memmap memmap ExcelWriter ExcelFile
        HDFStore ZipFile""",
    "writes a file": """savefig savetxt savez savez_compressed save save_model save_weights save_pretrained save_state
        save_as imsave imwrite imread_collection tofile dump dump_svmlight_file to_csv to_excel to_parquet
        to_feather to_hdf
        to_pickle to_stata to_orc to_file to_netcdf to_zarr to_gbq savemat sink_parquet sink_csv exportText write
        writelines
        writestr writerow writerows writeheader extractall export_graphviz serialize print_figure print_png print_pdf
        print_svg print_jpg""",
    "reads a file": """load loadtxt loadmat load_model load_weights load_workbook load_npz load_svmlight_file load_file
        load_from_disk load_from_checkpoint from_file from_csv scan_csv scan_parquet genfromtxt fromfile imread readline
        readlines read readinto parse_file get_data mimread deserialize""",
    "looks at the file system": "iterdir rglob is_file is_dir exists lstat expanduser samefile getcwd listdir scandir",
    "changes files": """unlink mkdir makedirs rmdir touch rmtree copyfile copytree chmod symlink_to hardlink_to link_to
        truncate copy2""",
    "changes the environment": "chdir environ putenv unsetenv getenv setlocale",
    "runs or ends a process": """system popen Popen check_output check_call fork terminate communicate send_signal
        getoutput
        getstatusoutput ProcessPoolExecutor set_start_method""",
    "reads a clock": "now utcnow today perf_counter monotonic process_time utctimetuple",
    "waits": "sleep",
    "takes fresh randomness": "uuid1 uuid4 urandom token_hex token_bytes token_urlsafe SystemRandom",
    "uses the network": """urlopen urlretrieve load_dataset get_rdataset get_data_yahoo hub_load from_pretrained
        sendall recv
        recvfrom sendto sendmail create_connection push_to_hub list_datasets""",
    "talks to a database": """to_sql execute executemany executescript fetchone fetchall fetchmany cursor commit
        rollback
        create_engine""",
    "uses the clipboard": "to_clipboard",
    "uses widgets": "interact interactive interact_manual interactive_output",
    "opens a window": "imshow_window mainloop",
    "asks for input": "raw_input ginput waitforbuttonpress getpass",
})  # fmt: skip
_OUTSIDE_PREFIXES = {
    "read_": "reads a file", "write_": "writes a file", "fetch_": "uses the network", "download": "uses the network",
    "sink_": "writes a file", "scan_": "reads a file", "export_": "writes a file",
    "upload": "uses the network", "scrape": "uses the network", "urlopen": "uses the network",
}  # fmt: skip
_NOT_OUTSIDE = frozenset({
    "read_only", "write_only", "sys.stdout.write", "sys.stderr.write", "sys.stdout.flush", "io.StringIO", "io.BytesIO",
    "read_text_only", "download_button",
})  # fmt: skip
_DISPLAYING = ("IPython.core.display.", "IPython.core.display_functions.", "IPython.core.formatters.")
"""Parts of the shell that only show something."""
_IN_MEMORY = ("io.StringIO.", "io.BytesIO.")
_RENDERERS = frozenset({"to_html", "to_latex", "to_markdown", "to_string", "to_xml", "to_json", "to_image", "to_yaml"})
"""Methods that return text without an argument and may write a file with one."""
_FRESH_WITHOUT_SEED = frozenset(
    {"default_rng", "RandomState", "Random", "SeedSequence", "PCG64", "MT19937", "Philox", "SFC64", "seed"}
)
_STRING_EXPRESSIONS = frozenset({"query", "eval"})
"""Methods whose text argument may name variables of the caller (pandas)."""
_ONLY_CALLABLE = frozenset({"now", "today", "load", "save", "read", "write", "exists", "open", "commit", "touch"})
"""Attribute names that are as often plain fields: counted only when called (a column `df.open` is no file)."""

_THREAD_PATHS = frozenset({
    "threading.Thread", "threading.Timer", "_thread.start_new_thread", "concurrent.futures.ThreadPoolExecutor",
    "concurrent.futures.thread.ThreadPoolExecutor", "multiprocessing.dummy", "multiprocessing.pool.ThreadPool",
    "asyncio.create_task", "asyncio.ensure_future", "asyncio.TaskGroup", "asyncio.to_thread",
    "asyncio.run_coroutine_threadsafe",
    "asyncio.get_event_loop", "asyncio.get_running_loop", "asyncio.new_event_loop", "asyncio.Task", "Thread", "Timer",
    "ThreadPoolExecutor", "sched.scheduler", "trio", "anyio", "gevent", "queue.listener",
})  # fmt: skip
_THREAD_ATTRIBUTES = frozenset({
    "create_task", "ensure_future", "run_in_executor", "call_later", "call_soon", "call_at",
    "call_soon_threadsafe", "submit",
    "apply_async", "map_async", "start_new_thread", "ThreadPoolExecutor", "to_thread", "start_soon",
    "run_coroutine_threadsafe",
    "ThreadPool", "start_thread",
})  # fmt: skip
_HOOK_PATHS = frozenset({
    "atexit.register", "sys.settrace", "sys.setprofile", "sys.addaudithook",
    "signal.signal",
    "weakref.finalize", "weakref.ref", "weakref.proxy", "numpy.seterrcall", "threading.settrace",
    "threading.setprofile",
    "sys.monitoring", "sys.meta_path", "sys.path_hooks", "codecs.register", "gc.callbacks",
    "copyreg.pickle",
})  # fmt: skip
_HOOK_ATTRIBUTES = frozenset({
    "connect", "mpl_connect", "observe", "subscribe", "add_callback", "add_done_callback", "add_listener", "call_later",
    "call_soon", "call_at", "add_signal_handler", "seterrcall", "finalize", "register", "on", "bind",
    "addHandler", "addFilter",
    "set_custom_exc", "add_observer", "addEventListener", "interact",
    "add_timer", "FuncAnimation", "settrace", "setprofile",
})  # fmt: skip
_HOOK_PLACES = frozenset({"displayhook", "excepthook", "unraisablehook", "showwarning"})
"""Attributes that hold code to be run later: who sets one hands code on, who reads one does not."""
_CONNECTING = frozenset({"sqlite3", "duckdb", "socket", "psycopg", "psycopg2", "pymysql", "sqlalchemy"})
"""Modules whose ``connect`` hands on no code."""
_HOOK_PREFIXES = ("register_", "on_", "set_on_", "add_on_")

_ESCAPING = frozenset({p.split(".", 1)[0] for t in (_DYNAMIC_PATHS, _OUTSIDE_PATHS) for p in t if "." in p}) - {
    "numpy", "pandas", "torch", "seaborn", "matplotlib", "datetime", "xarray", "io", "random",
}  # fmt: skip
"""Modules that, handed on as a whole, may be used for anything."""


def canonical(path: str) -> str:
    """The path with its private root module replaced by the public one: ``posix.remove`` becomes ``os.remove``."""
    root, dot, rest = path.partition(".")
    return _SAME.get(root, root) + dot + rest


@lru_cache(maxsize=16384)
def classify(path: str, known: bool, follow: str) -> tuple[Finding, ...]:
    """Say what the use of a dotted path means.

    Args:
        path: such as ``os.path.exists``; a root that is not known at all is ``?``.
        known: the root is certain (an import in the same code, or the live value), not guessed from its spelling.
        follow: what comes next in the code: ``()`` a call without arguments, ``(local)`` the same inside a function,
            ``name`` a plain name, ``none`` the constant None, ``text:…`` a text constant, ``=`` an assignment to the
            attribute, ``.`` nothing that is a call (see `bytecode`), or ``""`` for anything else.
    """
    path = canonical(path)
    parts = path.split(".")
    if path in _NOT_OUTSIDE or parts[-1] in _NOT_OUTSIDE or (known and path.startswith(_IN_MEMORY)):
        return ()
    found = [*_path_findings(path, parts, known, follow), *_attribute_findings(parts, follow)]
    if follow == "=" and known and len(parts) > 1 and parts[0] != "session":
        found.append(Finding("hook", f"changes an attribute of a library ({path})"))
    seen: set[tuple[str, str]] = set()
    unique = []
    for finding in found:  # one reason of each kind is enough for one use
        key = (finding.kind, finding.reason.split(" (", 1)[0])
        if key not in seen:
            seen.add(key)
            unique.append(finding)
    return tuple(unique)


def _path_findings(path: str, parts: list[str], known: bool, follow: str) -> list[Finding]:
    found: list[Finding] = []
    prefix = ""
    for count, part in enumerate(parts, 1):
        prefix = f"{prefix}.{part}" if prefix else part
        last = count == len(parts)
        if prefix in _DYNAMIC_PATHS and not _is_harmless(prefix, follow):
            found.append(Finding("dynamic", f"{_DYNAMIC_PATHS[prefix]} ({prefix})"))
        if prefix in _OUTSIDE_PATHS and not (prefix == "sqlite3.connect" and follow == "text::memory:"):
            found.append(Finding("outside", f"{_OUTSIDE_PATHS[prefix]} ({prefix})"))
        if prefix in _THREAD_PATHS:
            found.append(Finding("threads", f"starts a thread or task ({prefix})"))
        if prefix in _HOOK_PATHS:
            found.append(Finding("hook", f"hands on code to be run later ({prefix})"))
        # The bare name of a module says something only when it certainly is that module: `socket` may be a plain list.
        if prefix in _DYNAMIC_MODULES and (not last or known) and not path.startswith(_DISPLAYING):
            found.append(Finding("dynamic", f"{_DYNAMIC_MODULES[prefix]} ({path})"))
        alone = path == "sqlite3.connect" or path.startswith(_DECLARING)  # judged by itself
        if prefix in _OUTSIDE_MODULES and (not last or known) and not alone:
            found.append(Finding("outside", f"{_OUTSIDE_MODULES[prefix]} ({path})"))
    if known and len(parts) == 1 and path in _ESCAPING:
        found.append(Finding("outside", f"hands on the module {path}"))
        found.append(Finding("dynamic", f"hands on the module {path}"))
    return found


def _is_harmless(path: str, follow: str) -> bool:
    """`locals()` in a function is its own; `vars(x)` and `setattr(x, …)` change what `x` is, which is a name read."""
    name = path.rpartition(".")[2]
    if name == "locals":
        return follow == "(local)"
    if name == "vars":
        return follow in ("name", "(local)")
    return name in ("setattr", "delattr") and follow == "name"


def _attribute_findings(parts: list[str], follow: str) -> list[Finding]:
    found: list[Finding] = []
    for position, name in enumerate(parts[1:], 2):
        last = position == len(parts)
        next_is = follow if last else ""
        if name in _DYNAMIC_ATTRIBUTES:
            found.append(Finding("dynamic", f"{_DYNAMIC_ATTRIBUTES[name]} (.{name})"))
        if name in _STRING_EXPRESSIONS and last and not next_is.startswith(("()", "(local)", ".", "text:", "=")):
            found.append(Finding("dynamic", f"evaluates text that is not a constant (.{name})"))
        phrase = _outside_attribute(name, next_is, last)
        if phrase is not None:
            found.append(Finding("outside", f"{phrase} (.{name})"))
        if name in _THREAD_ATTRIBUTES or (name == "start" and next_is in ("()", "(local)")):
            found.append(Finding("threads", f"starts a thread or task (.{name})"))
        is_hook = name in _HOOK_ATTRIBUTES or name.startswith(_HOOK_PREFIXES)
        is_hook = is_hook or (name in _HOOK_PLACES and next_is == "=")
        if is_hook and not (name == "connect" and parts[0] in _CONNECTING):
            found.append(Finding("hook", f"hands on code to be run later (.{name})"))
    if len(parts) == 1 and follow in ("()", "(local)", "none") and parts[0] in _FRESH_WITHOUT_SEED - {"seed", "Random"}:
        found.append(Finding("outside", f"takes fresh randomness ({parts[0]})"))
    return found


def _outside_attribute(name: str, follow: str, last: bool) -> str | None:
    """The phrase for an attribute name whatever it is an attribute of, or None."""
    if last and follow == "." and name in _ONLY_CALLABLE:
        return None
    if name in _OUTSIDE_ATTRIBUTES:
        return _OUTSIDE_ATTRIBUTES[name]
    if name in _RENDERERS:
        return None if follow in ("()", "(local)") else "writes a file"
    if name in _FRESH_WITHOUT_SEED:
        return "takes fresh randomness" if follow in ("()", "(local)", "none") else None
    if name in _NOT_OUTSIDE:
        return None
    for prefix, phrase in _OUTSIDE_PREFIXES.items():
        if name.startswith(prefix):
            return phrase
    return None
