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

ORM = "import sqlalchemy as sa\nfrom sqlalchemy import orm\ne = sa.create_engine('sqlite:///f.db'); "
TABLE = "import sqlalchemy as sa\nx = sa.Table('t', sa.MetaData(), sa.Column('a', sa.Integer, primary_key=True))\n"
ZARR_ZIP = "import zarr\ns = zarr.storage.ZipStore('a.zip', mode='w'); g = zarr.open_group(s, mode='w'); a = g.create_array('d', shape=(4,), dtype='i4'); a[:] = 1; s.close(); del a, g, s"
KEY = "FAKE-SECRET-123"
"""No store may have this in it; see `test_no_key_is_in_what_is_stored`."""

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
    "SQLAlchemy": {
        "engine": Kind("import sqlalchemy as sa\nx = sa.create_engine('sqlite:///f.db', pool_size=3)", "\nwith x.connect() as c: z = c.execute(sa.text('select 1')).scalar()\ndel c", "(x.connect().execute(sa.text('select 1')).scalar(), x.pool.size())", "exact", "rebuilt", "same URL and options", needs=("sqlalchemy",)),
        "engine that is listened to": Kind("import sqlalchemy as sa\nx = sa.create_engine('sqlite:///f.db')\n@sa.event.listens_for(x, 'begin')\ndef f(c): pass", "x.echo = 'debug'; x.echo = False", "x.connect().execute(sa.text('select 1')).scalar()", "exact", "rebuilt", "without the functions that listen", needs=("sqlalchemy",)),
        "engine in memory": Kind("import sqlalchemy as sa\nx = sa.create_engine('sqlite://')\nwith x.begin() as c: _ = c.execute(sa.text('create table t(a int)')); _ = c.execute(sa.text('insert into t values (1)'))\ndel c, _", "\nwith x.begin() as c: _ = c.execute(sa.text('insert into t values (2)'))\ndel c, _", "x.connect().execute(sa.text('select * from t')).fetchall()", "rebuilt", "rebuilt", "in-memory database, by content", needs=("sqlalchemy",)),
        "connection": Kind(ORM + "x = e.connect()", "z = x.execute(sa.text('select 1')).scalar()", "(x.execute(sa.text('select 1')).scalar(), x.engine is e)", "rebuilt", "rebuilt", "new connection of its engine", needs=("sqlalchemy",)),
        "session": Kind(ORM + "x = orm.Session(e)", "x.info['k'] = 1", "(x.execute(sa.text('select 1')).scalar(), x.bind is e, x.info)", "rebuilt", "rebuilt", "without its open transaction", needs=("sqlalchemy",)),
        "sessionmaker": Kind(ORM + "x = orm.sessionmaker(e)", "z = x.kw", "(x().execute(sa.text('select 1')).scalar(), x.kw['bind'] is e)", "exact", "rebuilt", "same URL and options", needs=("sqlalchemy",)),
        "session with objects": Kind(ORM.replace("/f.db", "") + "\nclass Base(orm.DeclarativeBase): pass\nclass U(Base):\n    __tablename__ = 'u'\n    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)\n    name: orm.Mapped[str]\nBase.metadata.create_all(e); x = orm.Session(e); x.add(U(name='a')); x.commit(); p = U(name='p'); x.add(p)", "x.add(U(name='b')); x.commit()", "sorted(x.scalars(sa.select(U.name)).all())", "rebuilt", "lost", "without its open transaction", needs=("sqlalchemy",)),
        "scoped_session": Kind(ORM + "x = orm.scoped_session(orm.sessionmaker(e)); _ = x().info; del _", "z = x()", "x.execute(sa.text('select 1')).scalar()", "rebuilt", "rebuilt", "other threads", needs=("sqlalchemy",)),
        "result of a query": Kind(ORM + "c = e.connect(); x = c.execute(sa.text('select 1 union select 2'))", "z = x.fetchone()", "x.fetchall()", "lost", "lost", "rows are fetched from", needs=("sqlalchemy",)),
        "URL with a password": Kind(f"import sqlalchemy as sa\nx = sa.make_url('postgresql://u:{KEY}@h/db')", "x.host", "(x.host, x.username)", "exact", "rebuilt", "without its password", needs=("sqlalchemy",)),
        "tables": Kind("import sqlalchemy as sa\nx = sa.MetaData(); t = sa.Table('t', x, sa.Column('a', sa.Integer, primary_key=True))", "u = sa.Table('u', x, sa.Column('a', sa.Integer, sa.ForeignKey('t.a')))", "(sorted(x.tables), str(sa.select(t)), x.tables['t'] is t)", "exact", "exact", needs=("sqlalchemy",), after="exact"),
        "table that is listened to": Kind(TABLE + "log = []\n@sa.event.listens_for(x, 'before_create')\ndef f(*a, **k): log.append(1)", "\n@sa.event.listens_for(x, 'after_create')\ndef g(*a, **k): log.append(2)", "(log.clear(), x.metadata.create_all(sa.create_engine('sqlite://')), log)", "exact", "exact", needs=("sqlalchemy",), after="exact"),
    },
    "Data and models in native code": {
        "h5netcdf.File": Kind("import h5netcdf\nx = h5netcdf.File('a.nc', 'r')", "z = x.variables['v'][:]", "x.variables['v'][:].tolist()", "exact", "rebuilt", "opened again by its path", "import h5netcdf\nwith h5netcdf.File('a.nc', 'w') as f: f.dimensions = {'t': 3}; v = f.create_variable('v', ('t',), 'f8'); v[:] = 1.0\ndel f, v", needs=("h5netcdf", "h5py")),
        "variable of h5netcdf": Kind("import h5netcdf\nf = h5netcdf.File('a.nc', 'r'); x = f.variables['v']", "z = x[:]", "(x[:].tolist(), x.dimensions, f['v'][:].tolist())", "exact", "rebuilt", "opened again by its path", "import h5netcdf\nwith h5netcdf.File('a.nc', 'w') as f: f.dimensions = {'t': 3}; v = f.create_variable('v', ('t',), 'f8'); v[:] = 1.0\ndel f, v", needs=("h5netcdf", "h5py")),
        "zarr array in memory": Kind("import zarr\nx = zarr.group(); a = x.create_array('d', shape=(4,), dtype='i4'); a[:] = 1", "a[0] = 9", "x['d'][:].tolist()", "exact", "exact", needs=("zarr",)),
        "zarr array in a folder": Kind("import zarr\nx = zarr.open('a.zarr', mode='w', shape=(4,), dtype='i4'); x[:] = 1", "z = x[:]", "x[:].tolist()", "exact", "rebuilt", "with what is in them by then", needs=("zarr",)),
        "zarr store in an archive, reading": Kind("import zarr\nx = zarr.storage.ZipStore('a.zip', mode='r'); g = zarr.open_group(x, mode='r'); del g", "z = zarr.open_array(x, path='d', mode='r')[:]", "zarr.open_array(x, path='d', mode='r')[:].tolist()", "exact", "rebuilt", "opened again by its path", ZARR_ZIP, needs=("zarr 3",)),
        "zarr store in an archive, adding": Kind("import zarr\nx = zarr.storage.ZipStore('a.zip', mode='a'); g = zarr.open_group(x, mode='a'); del g", "x._is_open", "zarr.open_array(x, path='d', mode='r')[:].tolist()", "rebuilt", "rebuilt", "opened again by its path", ZARR_ZIP, needs=("zarr 3",)),
        "zarr store in an archive, closed": Kind("import zarr\nx = zarr.storage.ZipStore('a.zip', mode='r'); x._sync_open(); x.close()", "x._is_open", "x._is_open", "exact", "rebuilt", "opened again by its path", ZARR_ZIP, needs=("zarr 3",)),
        "pyarrow dataset": Kind("import pyarrow.dataset as ds\nx = ds.dataset('p')", "z = x.count_rows()", "x.to_table().to_pydict()", "exact", "exact", "", "import pyarrow as pa, pyarrow.parquet as pq, os\nos.mkdir('p'); pq.write_table(pa.table({'a': [1, 2]}), 'p/a.parquet')", needs=("pyarrow",)),
        "pyarrow ParquetFile": Kind("import pyarrow.parquet as pq\nx = pq.ParquetFile('a.parquet')", "z = x.read()", "x.read().to_pydict()", "exact", "lost", "does not tell its path", "import pyarrow as pa, pyarrow.parquet as pq\npq.write_table(pa.table({'a': [1, 2]}), 'a.parquet')", needs=("pyarrow",)),
        "pyarrow table over a memory map": Kind("import pyarrow as pa\nx = pa.ipc.open_file(pa.memory_map('a.arrow')).read_all()", "z = x.num_rows", "x.to_pydict()", "exact", "exact", "", "import pyarrow as pa\nt = pa.table({'a': [1, 2]})\nwith pa.OSFile('a.arrow', 'wb') as s, pa.ipc.new_file(s, t.schema) as w: w.write_table(t)\ndel s, w", needs=("pyarrow",)),
        "polars column of objects": Kind("import polars as pl\nl = [1]; x = pl.DataFrame({'a': pl.Series([l, None, object], dtype=pl.Object), 'b': [1, 2, 3]})", "l.append(2)", "([str(v) for v in x['a']], x['a'][0] is l, x['b'].to_list())", "exact", "exact", needs=("polars",)),
        "polars lazy frame": Kind("import polars as pl\nx = pl.scan_parquet('a.parquet')", "z = x.collect()", "x.collect().to_dict(as_series=False)", "exact", "exact", "", "import polars as pl\npl.DataFrame({'a': [1, 2]}).write_parquet('a.parquet')", needs=("polars",)),
        "lightgbm.Dataset, constructed": Kind("import lightgbm as lgb, numpy as np\nX = np.random.default_rng(0).random((200, 3)); x = lgb.Dataset(X, label=(X[:, 0] > .5) * 1., weight=np.ones(200), init_score=np.zeros(200)); _ = x.construct()", "x.set_weight(np.arange(200.))", "(lgb.train({'verbose': -1, 'num_threads': 1, 'objective': 'binary'}, x, 3).predict(X[:3]).tolist(), x.get_init_score() is not None, float(x.get_weight().sum()))", "exact", "exact", needs=("lightgbm",)),
        "xgboost.DMatrix": Kind("import xgboost as xgb, numpy as np\nX = np.random.default_rng(0).random((200, 3)); x = xgb.DMatrix(X, label=(X[:, 0] > .5) * 1., feature_names=['a', 'b', 'c'], weight=np.ones(200))", "x.set_weight(np.arange(200.))", "(xgb.train({'nthread': 1, 'objective': 'binary:logistic'}, x, 3).predict(x)[:3].tolist(), x.feature_names, float(x.get_weight().sum()))", "exact", "exact", needs=("xgboost",)),
        "xgboost.QuantileDMatrix": Kind("import xgboost as xgb, numpy as np\nx = xgb.QuantileDMatrix(np.arange(40.).reshape(20, 2), label=np.arange(20.) % 2)", "x.set_label(np.ones(20))", "x.get_label().tolist()", "lost", "lost", "matrix of quantiles", needs=("xgboost",)),
        "scipy Delaunay": Kind("import numpy as np\nfrom scipy.spatial import Delaunay\nx = Delaunay(np.random.default_rng(0).random((10, 2)))", "z = x.simplices", "(x.simplices.tolist(), x.find_simplex([[.5, .5]]).tolist(), x.vertex_neighbor_vertices[0].tolist())", "exact", "exact", needs=("scipy",)),
        "scipy Delaunay, incremental": Kind("import numpy as np\nfrom scipy.spatial import Delaunay\nx = Delaunay(np.random.default_rng(0).random((10, 2)), incremental=True)", "x.add_points([[.5, .6]])", "(x.simplices.tolist(), x.find_simplex([[.5, .5]]).tolist())", "replayed", "replayed", "incremental", needs=("scipy",)),
        "scipy ConvexHull": Kind("import numpy as np\nfrom scipy.spatial import ConvexHull\nx = ConvexHull(np.random.default_rng(0).random((10, 2)))", "z = x.area", "(x.vertices.tolist(), x.area)", "exact", "exact", needs=("scipy",)),
        "numpy.vectorize": Kind("import numpy as np\nx = np.vectorize(lambda v, w=2: v + w, cache=True)", "z = x([1, 2])", "x([1, 2], w=3).tolist()", "exact", "exact", needs=("numpy",)),
        "numpy.nditer": Kind("import numpy as np\na = np.arange(4); x = np.nditer(a); z = next(x)", "z = next(x)", "next(x).item()", "replayed", "replayed", "nditer", needs=("numpy",)),
        "numpy.memmap, reading": Kind("import numpy as np\nx = np.memmap('a.bin', dtype='i4', mode='r', shape=(4,))", "z = x.sum()", "x.tolist()", "exact", "rebuilt", "memory map of the same file", "import numpy as np\nnp.arange(4, dtype='i4').tofile('a.bin')", needs=("numpy",)),
    },
    "Clients": {
        "openai.OpenAI": Kind(f"import openai\nx = openai.OpenAI(api_key='{KEY}', default_headers={{'X-Api-Key': '{KEY}'}}); c = x.chat.completions", "x.timeout = 5", "(str(x.base_url), x.timeout if x.timeout == 5 else 0, c._client is x)", "rebuilt", "rebuilt", "without its key", needs=("openai",)),
        "openai.AsyncOpenAI": Kind(f"import openai\nx = openai.AsyncOpenAI(api_key='{KEY}')", "x.timeout = 5", "(str(x.base_url), x.timeout if x.timeout == 5 else 0)", "rebuilt", "rebuilt", "without its key", needs=("openai",)),
        "anthropic.Anthropic": Kind(f"import anthropic\nx = anthropic.Anthropic(api_key='{KEY}')", "x.timeout = 5", "(str(x.base_url), x.timeout if x.timeout == 5 else 0, type(x.messages).__name__)", "rebuilt", "rebuilt", "without its key", needs=("anthropic",)),
        "boto3 client": Kind(f"import boto3\nx = boto3.client('sqs', region_name='eu-west-1', aws_access_key_id='A{KEY}', aws_secret_access_key='{KEY}')", "x.meta.region_name", "(x.meta.region_name, x.meta.service_model.service_name, x.meta.endpoint_url)", "exact", "rebuilt", "without its keys", needs=("boto3",)),
        "boto3 resource": Kind(f"import boto3\nx = boto3.resource('sqs', region_name='eu-west-1', aws_access_key_id='A{KEY}', aws_secret_access_key='{KEY}').Queue('http://localhost/q')", "x.url", "(x.url, x.meta.client.meta.region_name)", "exact", "rebuilt", "without its keys", needs=("boto3",)),
        "boto3.Session": Kind(f"import boto3\nx = boto3.Session(region_name='eu-west-1', aws_access_key_id='A{KEY}', aws_secret_access_key='{KEY}')", "x.region_name", "x.region_name", "exact", "rebuilt", "without its key", needs=("boto3",)),
        "httpx.Client": Kind(f"import httpx\nx = httpx.Client(headers={{'Authorization': 'Bearer {KEY}'}}, auth=('u', '{KEY}'), base_url='http://localhost')", "x.headers['a'] = 'b'", "(str(x.base_url), x.headers.get('a'), x.is_closed)", "rebuilt", "rebuilt", "without its key", needs=("httpx",)),
        "requests.Session": Kind(f"import requests\nx = requests.Session(); x.headers['Authorization'] = 'Bearer {KEY}'; x.auth = ('u', '{KEY}')", "x.headers['a'] = 'b'", "(x.headers.get('a'), x.auth[0], len(x.adapters))", "rebuilt", "rebuilt", "without its key", needs=("requests",)),
        "a class over requests.Session": Kind(f"import requests\nclass Mine(requests.Session):\n    def __init__(self): super().__init__(); self.more = [1]\nx = Mine(); x.auth = ('u', '{KEY}')", "x.more.append(2)", "(x.more, x.auth[0], len(x.adapters))", "rebuilt", "rebuilt", "without its key", needs=("requests",)),
        "aiohttp.ClientSession": Kind(f"import aiohttp, asyncio\nasync def m(): return aiohttp.ClientSession(headers={{'Authorization': 'Bearer {KEY}'}})\nloop = asyncio.new_event_loop(); x = loop.run_until_complete(m())", "x.closed", "x.closed", "exact", "lost", "running event loop", needs=("aiohttp",)),
    },
}  # fmt: skip
