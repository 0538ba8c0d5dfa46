"""Objects of libraries that hold something outside: what undo, redo and a new kernel give is what the table says."""

from __future__ import annotations

import base64
import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path

import pytest
from tests.codec.kernels import Kernel
from tests.fidelity.connections import KEY, SECTIONS
from tests.fidelity.kinds import Kind
from tests.fidelity.recording import Answer, answer, attach, fresh, in_another_process
from tests.fidelity.test_system_objects import _let_go, check, record, told_bare

from timeslip.errors import TimeslipError

__all__ = ["_let_go"]

KINDS = {f"{section}: {name}": kind for section, kinds in SECTIONS.items() for name, kind in kinds.items()}

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # what is left open is left open on purpose
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def lacks(kind: Kind) -> str:
    """What *kind* needs and is not installed: modules, some with a release that they must have at least."""
    for needed in kind.needs:
        module, _, release = needed.partition(" ")
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed"
        if release and int(importlib.metadata.version(module).split(".")[0]) < int(release):
            return f"{module} is older than {release}"
    return ""


@pytest.mark.parametrize("name", KINDS)
def test_undo_and_redo_give_the_decided_answer(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    if lack := lacks(kind):
        pytest.skip(lack)
    before, after = told_bare(tmp_path, kind)
    for redo in (False, True):
        session, namespace, commits = record(tmp_path / f"session{redo}", kind)
        try:
            said = commits[-2].names.inexact.get("x", "")
            assert bool(said) == (kind.resume != "exact"), said
            assert kind.said in said
            result = session.undo()
            if redo:
                result = session.redo()
            found = answer(namespace, result, kind.probe)
        finally:
            session.close()
        allowed = {"exact", "rebuilt", "replayed", "lost"} if redo else {kind.undo}
        check(found, allowed, after if redo else before, kind)


@pytest.fixture(scope="module")
def after_restart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Answer]]:
    """What one other process gives for all kinds: as they were left, and as they were made."""
    here, paths = Path.cwd(), sys.path[:]
    kinds = {name: kind for name, kind in KINDS.items() if not lacks(kind)}
    jobs = []
    try:
        for number, kind in enumerate(kinds.values()):
            directory = tmp_path_factory.mktemp("restart") / str(number)
            session, namespace, commits = record(directory, kind)
            session.close()
            namespace.clear()
            jobs.append({"directory": str(directory), "name": "kinds", "probe": kind.probe, "commit": commits[-2].id})
    finally:
        os.chdir(here)
        sys.path[:] = paths
    return dict(zip(kinds, in_another_process(jobs), strict=True)) if jobs else {}


@pytest.mark.parametrize("name", KINDS)
def test_a_new_kernel_gives_the_decided_answer(
    name: str, after_restart: dict[str, list[Answer]], tmp_path: Path
) -> None:
    kind = KINDS[name]
    if lack := lacks(kind):
        pytest.skip(lack)
    told = told_bare(tmp_path, kind)
    found = after_restart[name]
    assert len(found) == 2, found
    check(found[1], {kind.resume}, told[0], kind)
    last = {kind.after} if kind.after else {"replayed", "lost"} if kind.resume == "replayed" else {kind.resume}
    check(found[0], last, told[1], kind)


# ---- files are never harmed

OPENED = {
    "h5py w": ("h5py", "import h5py\nx = h5py.File('f', 'w'); x['d'] = [1]; x.flush()"),
    "h5py w-": ("h5py", "import h5py\nx = h5py.File('f', 'w-'); x['d'] = [1]; x.flush()"),
    "h5py a, latest": ("h5py", "import h5py\nx = h5py.File('f', 'a', libver='latest'); x['d'] = [1]; x.flush()"),
    "h5py core": ("h5py", "import h5py\nx = h5py.File('f', 'w', driver='core'); x['d'] = [1]"),
    "duckdb": ("duckdb", "import duckdb\nx = duckdb.connect('f'); _ = x.execute('create table t as select 1'); del _"),
}


def make_by_others(library: str) -> None:
    """A file of that library with other content at the same path."""
    Path("f").unlink(missing_ok=True)
    if library == "h5py":
        import h5py

        with h5py.File("f", "w") as file:
            file["other"] = [5]
    else:
        import duckdb

        with duckdb.connect("f") as connection:
            connection.execute("create table other as select 5")


@pytest.mark.parametrize("name", OPENED)
def test_no_restore_makes_or_empties_a_file(name: str, tmp_path: Path) -> None:
    library, cell = OPENED[name]
    pytest.importorskip(library)
    session = attach(tmp_path, fresh(), "files")
    try:
        assert session.run(cell).error is None
        session.run("x.close(); del x")
        make_by_others(library)
        found = Path("f").read_bytes()
        session.undo()
        assert session.namespace["x"] is not None
        session.run("x.close(); del x")
        assert Path("f").read_bytes() == found
        Path("f").unlink()
        session.undo(allow_lost=True, replay="never")
        assert not Path("f").exists()
    finally:
        session.close()


def test_a_file_in_memory_that_goes_to_disk_is_not_opened_beside_itself(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    session = attach(tmp_path, fresh(), "files")
    try:
        session.run("import h5py\nx = h5py.File('f', 'w', driver='core'); x['d'] = [1]; x.flush()")
        session.run("x['d'][0] = 2")
        with pytest.raises(TimeslipError, match="open in memory still"):
            session.undo()
        assert session.namespace["x"]["d"][0] == 2
    finally:
        session.close()


def test_images_of_closed_files_are_let_go(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    from timeslip.codec.reducers import h5py as ours

    session = attach(tmp_path, fresh(), "files")
    try:
        for number in range(3):
            session.run(
                f"import h5py\nx = h5py.File('f{number}', 'w', driver='core', backing_store=False); x['d'] = [1]"
            )
            session.run("x.close()")
        open_now = h5py.h5f.get_obj_ids(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE)
        assert len(ours._shared) <= len(open_now)
    finally:
        session.close()


# ---- keys are never stored

HOLDING = [name for name, kind in KINDS.items() if KEY in kind.make]


@pytest.mark.parametrize("name", HOLDING)
def test_no_key_is_in_what_is_stored(name: str) -> None:
    kind = KINDS[name]
    if lack := lacks(kind):
        pytest.skip(lack)
    kernel = Kernel(kind.make)
    captured = kernel.capture("x")
    parts = [*captured.segments, *captured.headers.values(), *captured.buffers, *captured.out_of_band]
    data = b"".join(bytes(memoryview(part).cast("B")) for part in parts)
    assert KEY.encode() not in data
    assert base64.b64encode(f"u:{KEY}".encode()) not in data
    captured.release()


def test_a_key_is_used_again_by_the_process_that_had_it(tmp_path: Path) -> None:
    pytest.importorskip("requests")
    session = attach(tmp_path, fresh(), "keys")
    try:
        session.run(KINDS["Clients: requests.Session"].make)
        session.run("x.headers['a'] = 'b'; y = x; del x, y")
        session.undo()
        client = session.namespace["x"]
        assert client.headers["authorization"] == f"Bearer {KEY}"
        assert client.auth == ("u", KEY)
    finally:
        session.close()


# ---- whose account it is

PROFILES = "".join(
    f"[{name}]\naws_access_key_id=AK{name}\naws_secret_access_key={KEY}-{name}\n" for name in ("default", "dev")
)
OF_PROFILE = {
    "client": (
        "boto3.Session(profile_name='dev', region_name='eu-west-1').client('s3', verify=False)",
        "._request_signer._credentials",
    ),
    "session": ("boto3.Session(profile_name='dev'); x.get_credentials()", ".get_credentials()"),
    "session that has not looked yet": ("boto3.Session(profile_name='dev')", ".get_credentials()"),
}


@pytest.mark.parametrize("name", OF_PROFILE)
def test_what_acts_for_a_profile_never_acts_for_another(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("boto3")
    make, keys = OF_PROFILE[name]
    Path("keys").write_text(PROFILES, encoding="utf-8")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    captured = Kernel(f"import boto3\nx = {make}").capture("x")
    assert KEY.encode() not in b"".join(bytes(part) for part in captured.segments)
    captured.release()
    session = attach(tmp_path, fresh(), "aws")
    session.run(f"import boto3\nx = {make}")
    session.close()
    session = attach(tmp_path, fresh(), "aws")
    assert session.resume().fidelity["x"] == "rebuilt"
    assert eval(f"x{keys}.access_key", session.namespace) == "AKdev"
    session.close()
    Path("keys").write_text(PROFILES.replace("AKdev", "AKother").replace("[dev]", "[other]"), encoding="utf-8")
    session = attach(tmp_path, fresh(), "aws")
    try:
        assert session.resume(allow_lost=True).fidelity["x"] == "lost"
    finally:
        session.close()


# ---- databases in memory stay in memory

SQLITE_IN_MEMORY = {
    "plain": "x = sqlite3.connect(':memory:')",
    "shared cache": "x = sqlite3.connect('file::memory:?cache=shared', uri=True)",
    "without a file": "x = sqlite3.connect('')",
    "of an image": "x = sqlite3.connect(':memory:'); y = sqlite3.connect(':memory:')\n"
    "if hasattr(x, 'serialize'): y.execute('create table o(a)'); x.deserialize(y.serialize())\ny.close(); del y",
    "memdb": "x = sqlite3.connect('file:/timeslip-test?vfs=memdb', uri=True)",
}


@pytest.mark.parametrize("kind", SQLITE_IN_MEMORY)
def test_a_database_in_memory_is_one_after_every_restore(kind: str, tmp_path: Path) -> None:
    session = attach(tmp_path, fresh(), "memory")
    try:
        made = "; _ = x.executescript('create table t(a); create temp table u(a)'); del _"
        assert session.run(f"import sqlite3\n{SQLITE_IN_MEMORY[kind]}{made}").error is None
        for number in range(3):
            assert session.run(f"_ = x.execute('insert into t values ({number})'); x.commit(); del _").error is None
            assert session.undo().notes["x"].startswith("sqlite3.Connection: an in-memory database")
            assert session.redo().notes["x"].startswith("sqlite3.Connection: an in-memory database")
        rows = session.namespace["x"].execute("select a from t order by a").fetchall()
        assert rows == [(0,), (1,), (2,)]
        assert session.namespace["x"].execute("select * from u").fetchall() == []
    finally:
        session.close()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="SQLite gives no images there")
def test_what_is_attached_in_memory_comes_back(tmp_path: Path) -> None:
    session = attach(tmp_path, fresh(), "attached")
    try:
        session.run(
            "import sqlite3\nx = sqlite3.connect(':memory:'); _ = x.execute(\"attach ':memory:' as more\")\n"
            "_ = x.execute('create table more.t(a)'); _ = x.execute('insert into more.t values (1)'); x.commit(); del _"
        )
        for _ in range(2):
            session.run("x.execute('insert into more.t values (2)') and x.commit()")
            session.undo()
            assert session.namespace["x"].execute("select a from more.t").fetchall() == [(1,)]
        session.run("x.execute('insert into more.t values (3)') and x.commit()")
        session.run("_ = x.execute('delete from more.t'); x.commit(); del _")
        session.undo()
        assert session.namespace["x"].execute("select a from more.t").fetchall() == [(1,), (3,)]
    finally:
        session.close()


def test_a_file_that_is_attached_is_named_and_left_alone(tmp_path: Path) -> None:
    session = attach(tmp_path, fresh(), "attached")
    try:
        session.run(
            "import sqlite3\nx = sqlite3.connect(':memory:'); _ = x.execute(\"attach 'more.db' as more\")\n"
            "_ = x.execute('create table more.t(a)'); x.commit(); del _"
        )
        assert "without the attached more" in session.log()[0].names.inexact["x"]
    finally:
        session.close()


def test_reading_from_duckdb_in_memory_is_no_change(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    session = attach(tmp_path, fresh(), "reading")
    try:
        made = "x = duckdb.connect(); x.execute('create table t as select 1 a; attach \\':memory:\\' as o'); None"
        assert session.run(f"import duckdb\n{made}").error is None
        for cell in ("y = 1", "y = x.execute('from t').fetchall()"):
            assert session.run(cell).error is None
            assert "x" not in session.log()[0].names.changed
            assert not session.verify().changed
        session.run("x.execute('insert into t values (2)'); None")
        assert session.log()[0].names.changed == ("x",)
        session.undo()
        assert session.namespace["x"].execute("from t").fetchall() == [(1,)]
        assert not session.verify().changed
    finally:
        session.close()
