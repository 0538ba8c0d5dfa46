"""Tables and arrays beside pandas and numpy: polars, pyarrow, duckdb, xarray, dask, h5py, zarr."""

from __future__ import annotations

from compat.case import Case, Family

POLARS = (
    Case(
        "polars.DataFrame",
        "x = pl.DataFrame({'a': [1, 2], 'b': ['u', None]})",
        "x[0, 'a'] = 9",
        "x.group_by('b', maintain_order=True).agg(pl.col('a').sum())",
        ("92",),
    ),
    Case(
        "polars.LazyFrame",
        "x = pl.LazyFrame({'a': [1, 2]})",
        "x = x.with_columns(b=pl.col('a') * 2)",
        "x.collect().to_dict(as_series=False)",
        ("93",),
    ),
    Case("polars.Series", "x = pl.Series('a', [1, 2, 3])", "x[0] = 7", "x.sum(), x.name"),
    Case(
        "polars.Expr",
        "x = pl.col('a') + 1",
        "x = x * 2",
        "pl.DataFrame({'a': [1, 2]}).select(x).to_dict(as_series=False)",
    ),
    Case("polars.Schema", "x = pl.Schema({'a': pl.Int64})", "x['b'] = pl.String()", "x.names(), x.dtypes()"),
    Case(
        "polars.dataframe.group_by.GroupBy",
        "x = pl.DataFrame({'a': [1, 1, 2]}).group_by('a', maintain_order=True)",
        "x = pl.DataFrame({'a': [1, 3, 2]}).group_by('a', maintain_order=True)",
        "x.len().to_dict(as_series=False)",
    ),
)

ARROW = (
    Case(
        "pyarrow.Table",
        "x = pa.table({'a': [1, 2], 'b': ['u', None]})",
        "x = x.append_column('c', [[3, 4]])",
        "x.to_pydict()",
    ),
    Case("pyarrow.Array", "x = pa.array([1, None, 3])", "x = x[1:]", "pc.sum(x).as_py()"),
    Case("pyarrow.ChunkedArray", "x = pa.chunked_array([[1], [2, 3]])", "x = x.combine_chunks()", "x.to_pylist()"),
    Case(
        "pyarrow.Schema",
        "x = pa.schema([('a', pa.int64())], metadata={'k': 'v'})",
        "x = x.append(pa.field('b', pa.string()))",
        "x.names, x.metadata",
    ),
    Case("pyarrow.RecordBatch", "x = pa.record_batch({'a': [1, 2]})", "x = x.slice(1)", "x.to_pydict()"),
    Case(
        "pyarrow.dataset.FileSystemDataset",
        "pq.write_table(pa.table({'a': [1, 2]}), 't.parquet')\nx = ds.dataset('t.parquet')",
        "x = x.filter(ds.field('a') > 1)",
        "x.to_table().to_pydict()",
    ),
    Case(
        "pyarrow.parquet.ParquetFile",
        "pq.write_table(pa.table({'a': [1, 2]}), 'p.parquet')\nx = pq.ParquetFile('p.parquet')",
        "x.read(); x.note = 1",
        "x.read().to_pydict(), x.metadata.num_rows, getattr(x, 'note', 0)",
    ),
    Case("pyarrow.compute.Expression", "x = pc.field('a') > 1", "x = x & (pc.field('b') == 2)", "str(x)"),
    Case(
        "pyarrow.RecordBatchReader",
        "x = pa.table({'a': [1, 2, 3, 4]}).to_reader(max_chunksize=1)",
        "x.read_next_batch()",
        "x.read_next_batch().to_pydict()",
    ),
)

DUCKDB = (
    Case(
        "duckdb.DuckDBPyConnection (in memory)",
        "x = duckdb.connect()\nx.execute('create table t(a int)')",
        "x.execute('insert into t values (1), (2)'); None",
        "x.execute('select sum(a) from t').fetchall()",
    ),
    Case(
        "duckdb.DuckDBPyRelation",
        "df = pd.DataFrame({'a': [1, 2, 3]})\nx = duckdb.from_df(df)",
        "x = x.filter('a > 1')",
        "x.fetchall()",
    ),
)

XARRAY = (
    Case(
        "xarray.DataArray",
        "x = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=('a', 'b'), coords={'a': [1, 2]}, name='n')",
        "x[0, 0] = 9; x.attrs['u'] = 'm'",
        "x.sel(a=1).sum().item()",
    ),
    Case(
        "xarray.Dataset",
        "x = xr.Dataset({'v': ('t', [1, 2])}, coords={'t': pd.date_range('2024', periods=2)})",
        "x['w'] = x.v * 2",
        "x.mean().to_dict()",
    ),
    Case(
        "xarray.DataTree",
        "x = xr.DataTree.from_dict({'/a': xr.Dataset({'v': 1})})",
        "x['/b'] = xr.DataTree(xr.Dataset({'w': 2}))",
        "sorted(x.groups)",
    ),
    Case(
        "xarray.core.groupby.DatasetGroupBy",
        "x = xr.Dataset({'v': ('t', [1, 2, 3])}, coords={'t': [0, 0, 1]}).groupby('t')",
        "x = xr.Dataset({'v': ('t', [1, 2, 4])}, coords={'t': [0, 1, 1]}).groupby('t')",
        "x.sum().v.values",
    ),
    Case(
        "xarray.Dataset (opened from a file, lazy)",
        "xr.Dataset({'v': ('t', [1.0, 2.0])}).to_netcdf('f.nc', engine='h5netcdf')\nx = xr.open_dataset('f.nc', engine='h5netcdf')",
        "x.attrs['k'] = 1",
        "x.v.values, dict(x.attrs)",
    ),
)

HDF = (
    Case(
        "h5py.File (in memory)",
        "x = h5py.File('m.h5', 'w', driver='core', backing_store=False)\nx['a'] = np.arange(3)",
        "x['b'] = np.arange(4); x['a'][0] = 9",
        "{name: x[name][:].tolist() for name in x}",
    ),
    Case(
        "h5py.File (for reading)",
        "with h5py.File('r.h5', 'w') as made:\n    made['a'] = np.arange(3)\nx = h5py.File('r.h5', 'r')",
        "x = h5py.File('r.h5', 'r')",
        "x['a'][:]",
    ),
    Case(
        "h5py.Dataset",
        "with h5py.File('d.h5', 'w') as made:\n    made['a'] = np.arange(3)\nfile = h5py.File('d.h5', 'r')\nx = file['a']",
        "x = file['a']",
        "x[1:]",
    ),
)

ZARR = (
    Case(
        "zarr.Array (in memory)",
        "x = zarr.zeros((4, 4), chunks=(2, 2), store=zarr.storage.MemoryStore())",
        "x[0, 0] = 5",
        "x[:].sum()",
    ),
    Case(
        "zarr.Group (in memory)",
        "x = zarr.create_group(store=zarr.storage.MemoryStore())\nx.create_array('a', shape=(2,), dtype='i4')",
        "x['a'][:] = 7; x.attrs['k'] = 1",
        "x['a'][:], dict(x.attrs)",
    ),
    Case(
        "zarr.Array (in a folder)",
        "x = zarr.create_array(store='z.zarr', shape=(4,), dtype='i4', overwrite=True)",
        "x = x[:2]",
        "np.asarray(x[:]).sum()",
    ),
)

DASK = (
    Case("dask.array.Array", "x = da.ones((4, 4), chunks=2)", "x = x + 1", "x.sum().compute()", ("13",)),
    Case(
        "dask.dataframe.DataFrame",
        "x = dd.from_pandas(pd.DataFrame({'a': [1, 2, 3]}), npartitions=2)",
        "x = x[x.a > 1]",
        "x.a.sum().compute()",
    ),
    Case(
        "dask.bag.Bag",
        "x = db.from_sequence([1, 2, 3], npartitions=2)",
        "x = x.map(lambda v: v * 2)",
        "x.compute(scheduler='sync')",
    ),
    Case(
        "dask.delayed.Delayed",
        "x = dask.delayed(sum)([1, 2])",
        "x = dask.delayed(lambda v: v + 1)(x)",
        "x.compute(scheduler='sync')",
    ),
)

FAMILIES = (
    Family("polars", "polars", "import polars as pl", POLARS),
    Family(
        "pyarrow",
        "pyarrow",
        "import pyarrow as pa, pyarrow.compute as pc, pyarrow.dataset as ds, pyarrow.parquet as pq",
        ARROW,
    ),
    Family("duckdb", "duckdb", "import duckdb, pandas as pd", DUCKDB),
    Family("xarray", "xarray", "import numpy as np, pandas as pd, xarray as xr", XARRAY),
    Family("h5py", "h5py", "import h5py, numpy as np", HDF),
    Family("zarr", "zarr", "import numpy as np, zarr", ZARR),
    Family("dask", "dask", "import dask, dask.array as da, dask.bag as db, dask.dataframe as dd, pandas as pd", DASK),
)
