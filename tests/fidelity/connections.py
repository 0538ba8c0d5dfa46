# ruff: noqa: E501 - cells are written as users write them
"""What comes back of objects of libraries that hold something outside, or in native code, as one table.

`tests/fidelity/test_connections.py` holds every row to be true where the library is installed, `scripts/reference.py`
writes `docs/reference/fidelity.md` from it.
"""

from __future__ import annotations

from tests.fidelity.kinds import Kind

DUCK = "import duckdb\nx = duckdb.connect(); _ = x.execute(\"create table t(a int, b varchar); insert into t values (1, 'x')\"); del _\n"
IN_MEMORY = "in memory, by content"

HDF = "import h5py, uuid\nx = h5py.File(uuid.uuid4().hex, 'w', driver='core', backing_store=False); x['d'] = [1, 2, 3]"
HDF_FILE = (
    "import h5py\nwith h5py.File('a.h5', 'w') as f: f['d'] = [1, 2]; f['g/e'] = 5; f['d'].attrs['k'] = 'v'\ndel f"
)

SECTIONS: dict[str, dict[str, Kind]] = {
    "duckdb": {
        "connection in memory, a row inserted": Kind(DUCK, "_ = x.execute('insert into t values (2, null)')", "x.execute('from t').fetchall()", "rebuilt", "rebuilt", IN_MEMORY, needs=("duckdb",)),
        "connection in memory, rows updated": Kind(DUCK + "x.execute('insert into t select i, i::varchar from range(3000) r(i)')", "_ = x.execute('update t set a = 7 where a % 2 = 0')", "hash(tuple(x.execute('select a from t').fetchall()))", "rebuilt", "rebuilt", IN_MEMORY, needs=("duckdb",)),
        "connection in memory, only read": Kind(DUCK, "_ = x.execute('from t').fetchall()", "x.execute('from t').fetchall()", "exact", "rebuilt", IN_MEMORY, needs=("duckdb",)),
        "views, macros, sequences, types": Kind(DUCK + "_ = x.execute(\"create type m as enum('p','q'); create schema s; create table s.ty as select 170141183460469231731687303715884105727::hugeint h, interval 3 microsecond i, {'a': [1, 2]} l, 'q'::m e; create view v as from s.ty; create sequence sq; create macro mm(z) as z + 1; select nextval('sq')\").fetchall()", "_ = x.execute('drop view v')", "x.execute(\"select *, mm(3), nextval('sq') from s.ty\").fetchall()", "rebuilt", "rebuilt", IN_MEMORY, needs=("duckdb",)),
        "options and the schema in use": Kind(DUCK + '_ = x.execute("set threads = 1; create schema s; use s")', "_ = x.execute(\"set default_null_order = 'nulls_first'\")", "x.execute(\"select current_setting('threads'), lower(current_setting('default_null_order')), current_schema()\").fetchall()", "rebuilt", "rebuilt", IN_MEMORY, needs=("duckdb 2",)),
        "connection with an open transaction": Kind(DUCK + "_ = x.begin(); _ = x.execute('insert into t values (2, null)')", "_ = x.commit()", "len(x.cursor().execute('from t').fetchall())", "lost", "lost", "open transaction", after="rebuilt", needs=("duckdb 2",)),
        "connection with temporary tables": Kind(DUCK + "_ = x.execute('create temp table tt(a int)')", "_ = x.execute('insert into tt values (1)')", "x.sql('from t').fetchall()", "rebuilt", "rebuilt", "without the temporary tt", needs=("duckdb 2",)),
        "connection with another database in memory": Kind(DUCK + "_ = x.execute(\"attach ':memory:' as other; create table other.o as select 3 as q\")", "_ = x.execute('insert into other.o values (4)')", "x.execute('from other.o').fetchall()", "rebuilt", "rebuilt", IN_MEMORY, needs=("duckdb",)),
        "connection to a file": Kind("import duckdb\nx = duckdb.connect('f.db'); _ = x.execute('create table if not exists t(a int)')", "_ = x.execute('insert into t values (2)')", "x.execute('select count(*) > 0 from t').fetchall() and 1", "rebuilt", "rebuilt", "same database file", needs=("duckdb",)),
        "connection to a file, read-only": Kind("import duckdb\nx = duckdb.connect('f.db', read_only=True)", "z = x.execute('from t').fetchall()", "(x.execute('from t').fetchall(), x.execute('select readonly from duckdb_databases() where not internal').fetchall())", "exact", "rebuilt", "same database file", "import duckdb\nc = duckdb.connect('f.db'); c.execute('create table t as select 3 as a'); c.close(); del c", needs=("duckdb",)),
        "connection, closed": Kind("import duckdb\nx = duckdb.connect(); x.close()", "type(x)", "type(x).__name__", "exact", "rebuilt", "closed", needs=("duckdb",)),
        "relation": Kind("import duckdb\nc = duckdb.connect(); _ = c.execute('create table t(a int); insert into t values (1)'); x = c.sql('select a + 1 as b from t').filter('b > 0').order('b')", "_ = c.execute('insert into t values (5)')", "x.fetchall()", "rebuilt", "rebuilt", IN_MEMORY, needs=("duckdb 2",)),
        "relation over a frame": Kind("import duckdb, pandas as pd\ndf = pd.DataFrame({'a': [1]}); x = duckdb.sql('select a + 1 as b from df')", "_ = x.fetchall()", "x.fetchall()", "lost", "lost", "reads Python objects", needs=("duckdb 2", "pandas")),
    },
    "h5py": {
        "file in memory, written to": Kind(HDF, "x['d'][0] = 9", "(x['d'][:].tolist(), x.mode)", "rebuilt", "rebuilt", "in memory, by content", needs=("h5py",)),
        "file in memory with its parts": Kind(HDF + "; d = x['d']; g = x.create_group('g'); a = d.attrs", "d[0] = 9; a['k'] = 1", "(x['d'][:].tolist(), d[:].tolist(), d.file == x, d == x['d'], dict(a), g.name, g.file == x)", "rebuilt", "rebuilt", "in memory, by content", needs=("h5py",)),
        "file in io.BytesIO": Kind("import h5py, io\nb = io.BytesIO(); x = h5py.File(b, 'w'); x['d'] = [1, 2, 3]", "x['d'][0] = 9", "(x['d'][:].tolist(), x.mode)", "rebuilt", "rebuilt", "apart from the Python object", needs=("h5py",)),
        "file on disk, writing": Kind("import h5py\nx = h5py.File('a.h5', 'w'); x['d'] = [1, 2, 3]; x.flush()", "z = x['d'][:]", "(x['d'][:].tolist(), x.mode)", "rebuilt", "rebuilt", "opened again by its path", needs=("h5py",)),
        "file on disk, closed by the use": Kind("import h5py\nx = h5py.File('a.h5', 'w'); x['d'] = [1, 2, 3]; x.flush()", "x.close()", "bool(x)", "rebuilt", "rebuilt", "opened again by its path", needs=("h5py",)),
        "file on disk, reading": Kind("import h5py\nx = h5py.File('a.h5', 'r')", "z = x['d'][:]", "(x['d'][:].tolist(), x.mode)", "exact", "rebuilt", "opened again by its path", HDF_FILE, needs=("h5py",)),
        "dataset of a file on disk": Kind("import h5py\nx = h5py.File('a.h5', 'r')['d']", "z = x[:]", "(x[:].tolist(), x.file.mode, dict(x.attrs))", "exact", "rebuilt", "opened again by its path", HDF_FILE, needs=("h5py",)),
        "group and its file": Kind("import h5py\nf = h5py.File('a.h5', 'r'); x = f['g']", "z = x['e'][()]", "(x['e'][()], x.file == f)", "exact", "rebuilt", "opened again by its path", HDF_FILE, needs=("h5py",)),
        "file, closed": Kind("import h5py\nx = h5py.File('a.h5', 'r'); x.close()", "bool(x)", "bool(x)", "exact", "rebuilt", "closed handle", HDF_FILE, needs=("h5py",)),
        "identifier of the lower level": Kind(HDF + "; f = x; x = f['d'].id", "x.shape", "(x.shape, x.valid)", "exact", "rebuilt", "in memory, by content", needs=("h5py",)),
        "reference to a dataset": Kind(HDF + "; f = x; x = f['d'].ref", "f[x].name", "type(x).__name__", "exact", "lost", "has no name", needs=("h5py",)),
    },
}  # fmt: skip
