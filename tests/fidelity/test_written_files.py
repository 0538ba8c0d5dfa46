# ruff: noqa: E501 - cells are written as users write them
"""No recording and no restore makes, empties or writes a file of the user's, whatever library has it open.

`__setstate__` of several libraries opens a file again in the mode that it was made with. For "w" that empties it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.fidelity.kinds import Kind
from tests.fidelity.recording import attach, fresh
from tests.fidelity.test_connections import lacks
from tests.fidelity.test_system_objects import _let_go

from timeslip import proving
from timeslip.errors import TimeslipError

__all__ = ["_let_go"]

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # what is left open is left open on purpose
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ZARR = "import zarr\nx = zarr.storage.ZipStore('f', mode='{}'); g = zarr.open_group(x, mode='a'); a = g.create_array('a{}', shape=(3,), dtype='i4'); a[:] = [1, 2, 3]; del a, g"
MAKE_ZIP = "import zarr\n" + ZARR.format("w", 0).partition("\n")[2] + "; x.close(); del x\n"
READ_ZIP = (
    ZARR.format("w", 0)
    + "; x.close(); x = zarr.storage.ZipStore('f', mode='r'); g = zarr.open_group(x, mode='r'); del g"
)
XARRAY = "import xarray as xr\nd = xr.Dataset({'v': ('t', [1., 2.])})\n"
FRAME = "import pandas as pd\nd = pd.DataFrame({'a': [1, 2]})\n"
ARROW = "import pyarrow as pa, pyarrow.parquet as pq\nt = pa.table({'a': [1, 2]})\n"

WRITTEN: dict[str, tuple[str, str]] = {
    "gzip": ("", "import gzip\nx = gzip.open('f', 'wb'); x.write(b'abc')"),
    "gzip, text": ("", "import gzip\nx = gzip.open('f', 'wt'); x.write('abc')"),
    "gzip, closed": ("", "import gzip\nx = gzip.open('f', 'wb'); x.write(b'abc'); x.close()"),
    "bz2": ("", "import bz2\nx = bz2.open('f', 'wb'); x.write(b'abc')"),
    "bz2, closed": ("", "import bz2\nx = bz2.open('f', 'wb'); x.write(b'abc'); x.close()"),
    "lzma": ("", "import lzma\nx = lzma.open('f', 'wb'); x.write(b'abc')"),
    "lzma, closed": ("", "import lzma\nx = lzma.open('f', 'wb'); x.write(b'abc'); x.close()"),
    "zip, closed": ("", "import zipfile\nx = zipfile.ZipFile('f', 'w'); x.writestr('a', 'new'); x.close()"),
    "zip, appending": ("", "import zipfile\nwith zipfile.ZipFile('f', 'w') as z: z.writestr('a', 'new')\ndel z\nx = zipfile.ZipFile('f', 'a'); x.writestr('b', 'new')"),
    "tar": ("", "import tarfile, pathlib\npathlib.Path('a').write_text('x')\nx = tarfile.open('f', 'w'); x.add('a')"),
    "tar, compressed": ("", "import tarfile, pathlib\npathlib.Path('a').write_text('x')\nx = tarfile.open('f', 'w:gz'); x.add('a')"),
    "tar, closed": ("", "import tarfile, pathlib\npathlib.Path('a').write_text('x')\nx = tarfile.open('f', 'w'); x.add('a'); x.close()"),
    "shelve": ("", "import shelve\nx = shelve.open('f', 'n'); x['a'] = [1]"),
    "shelve with writeback": ("", "import shelve\nx = shelve.open('f', 'c', writeback=True); x['a'] = [1]; x['a'].append(2)"),
    "shelve, closed": ("", "import shelve\nx = shelve.open('f', 'n'); x['a'] = [1]; x.close()"),
    "dbm": ("", "import dbm\nx = dbm.open('f', 'n'); x['a'] = b'1'"),
    "dbm.dumb": ("", "import dbm.dumb\nx = dbm.dumb.open('f', 'n'); x['a'] = b'1'"),
    "sqlite3": ("", "import sqlite3\nx = sqlite3.connect('f'); _ = x.execute('create table t(a)'); x.commit(); del _"),
    "wave, raw": ("", "import wave\nf = open('f', 'wb'); x = wave.open(f, 'wb'); x.setnchannels(1); x.setsampwidth(1); x.setframerate(8000); x.writeframesraw(b'abc'); f.flush(); del f"),
    "fileinput, in place": ("", "import fileinput, pathlib\npathlib.Path('f').write_text('a\\nb\\n'); x = fileinput.FileInput('f', inplace=True, backup='.bak'); _ = x.readline(); print('c'); del _"),
    "wave": ("", "import wave\nx = wave.open('f', 'wb'); x.setnchannels(1); x.setsampwidth(1); x.setframerate(8000); x.writeframes(b'abc')"),
    "logging.FileHandler": ("", "import logging\nx = logging.FileHandler('f', 'w'); x.emit(logging.makeLogRecord({'msg': 'm'}))"),
    "csv.writer": ("", "import csv\nf = open('f', 'w'); x = csv.writer(f); _ = x.writerow([1, 2]); f.flush(); del f, _"),
    "numpy.memmap, w+": ("numpy", "import numpy as np\nx = np.memmap('f', dtype='i4', mode='w+', shape=(4,)); x[:] = 1; x.flush()"),
    "numpy.memmap, r+": ("numpy", "import numpy as np\nnp.arange(4, dtype='i4').tofile('f'); x = np.memmap('f', dtype='i4', mode='r+', shape=(4,)); x[:] = 1; x.flush()"),
    "numpy.save to a file": ("numpy", "import numpy as np\nx = open('f', 'wb+'); np.save(x, np.arange(3)); x.flush()"),
    "zarr zip, w": ("zarr 3", ZARR.format("w", 1)),
    "zarr zip, w, closed": ("zarr 3", ZARR.format("w", 1) + "; x.close()"),
    "zarr zip, x": ("zarr 3", ZARR.format("x", 1)),
    "zarr zip, a": ("zarr 3", MAKE_ZIP + ZARR.format("a", 1)),
    "zarr zip, a, closed": ("zarr 3", MAKE_ZIP + ZARR.format("a", 1) + "; x.close()"),
    "zarr zip, r": ("zarr 3", READ_ZIP),
    "zarr zip, never opened": ("zarr 3", "import zarr\nx = zarr.storage.ZipStore('f', mode='w')"),
    "zarr group in a zip": ("zarr 3", "import zarr\nx = zarr.open_group(zarr.storage.ZipStore('f', mode='w'), mode='w'); a = x.create_array('a', shape=(3,), dtype='i4'); a[:] = 1; del a"),
    "zarr folder": ("zarr 3", "import zarr\nx = zarr.open('f.zarr', mode='w', shape=(3,), dtype='i4'); x[:] = 1; open('f', 'w').close()"),
    "fsspec file": ("fsspec", "import fsspec\nx = fsspec.open('f', 'wb').open(); _ = x.write(b'abc'); x.flush(); del _"),
    "fsspec file, closed": ("fsspec", "import fsspec\nx = fsspec.open('f', 'wb').open(); _ = x.write(b'abc'); x.close(); del _"),
    "fsspec OpenFile": ("fsspec", "import fsspec\nx = fsspec.open('f', 'wb')\nwith x as f: _ = f.write(b'abc')\ndel f, _"),
    "fsspec zip": ("fsspec", "import fsspec\nx = fsspec.filesystem('zip', fo='f', mode='w'); x.pipe('a', b'abc')"),
    "fsspec zip, closed": ("fsspec", "import fsspec\nx = fsspec.filesystem('zip', fo='f', mode='w'); x.pipe('a', b'abc'); x.close()"),
    "h5py w": ("h5py", "import h5py\nx = h5py.File('f', 'w'); x['d'] = [1]"),
    "h5py core": ("h5py", "import h5py\nx = h5py.File('f', 'w', driver='core'); x['d'] = list(range(1000))"),
    "h5py core, flushed": ("h5py", "import h5py\nx = h5py.File('f', 'w', driver='core'); x['d'] = list(range(1000)); x.flush(); x['e'] = list(range(9000))"),
    "h5py dataset, core": ("h5py", "import h5py\nx = h5py.File('f', 'w', driver='core').create_dataset('d', data=list(range(1000)))"),
    "h5py in a Python file": ("h5py", "import h5py\nx = h5py.File(open('f', 'wb+'), 'w'); x['d'] = list(range(1000))"),
    "h5py family": ("h5py", "import h5py\nx = h5py.File('f%d', 'w', driver='family', memb_size=1 << 20); x['d'] = [1]; open('f', 'w').close()"),
    "h5py split": ("h5py", "import h5py\nx = h5py.File('f', 'w', driver='split'); x['d'] = [1]"),
    "h5netcdf w": ("h5netcdf", "import h5netcdf\nx = h5netcdf.File('f', 'w'); x.dimensions = {'t': 3}; v = x.create_variable('v', ('t',), 'f8'); v[:] = 1.0; del v"),
    "h5netcdf w, closed": ("h5netcdf", "import h5netcdf\nx = h5netcdf.File('f', 'w'); x.dimensions = {'t': 3}; x.close()"),
    "h5netcdf legacy": ("h5netcdf", "import h5netcdf.legacyapi as l\nx = l.Dataset('f', 'w'); _ = x.createDimension('t', 3); del _"),
    "netCDF4 w": ("netCDF4", "import netCDF4\nx = netCDF4.Dataset('f', 'w'); _ = x.createDimension('t', 3); del _"),
    "netCDF4 variable": ("netCDF4", "import netCDF4\nd = netCDF4.Dataset('f', 'w'); _ = d.createDimension('t', 3); x = d.createVariable('v', 'f8', ('t',)); x[:] = 1; del _, d"),
    "xarray store": ("h5netcdf, xarray", XARRAY + "x = xr.backends.H5NetCDFStore.open('f', 'w'); d.dump_to_store(x)"),
    "xarray from a file": ("h5netcdf, xarray", XARRAY + "d.to_netcdf('f', engine='h5netcdf'); x = xr.open_dataset('f', engine='h5netcdf')"),
    "xarray scipy": ("scipy, xarray", XARRAY + "d.to_netcdf('f', engine='scipy'); x = xr.open_dataset('f', engine='scipy')"),
    "xarray file manager": ("xarray", "import xarray as xr\nx = xr.backends.CachingFileManager(open, 'f', mode='w'); _ = x.acquire().write('abc'); x.acquire().flush(); del _"),
    "scipy netcdf_file": ("scipy", "import scipy.io\nx = scipy.io.netcdf_file('f', 'w'); x.createDimension('t', 3); v = x.createVariable('v', 'i4', ('t',)); v[:] = 1; x.flush(); del v"),
    "pandas HDFStore": ("tables, pandas", FRAME + "x = pd.HDFStore('f', 'w'); x['d'] = d"),
    "pandas HDFStore, closed": ("tables, pandas", FRAME + "x = pd.HDFStore('f', 'w'); x['d'] = d; x.close()"),
    "tables": ("tables", "import tables\nx = tables.open_file('f', 'w'); _ = x.create_array('/', 'a', [1, 2]); del _"),
    "tables array": ("tables", "import tables\nx = tables.open_file('f', 'w').create_array('/', 'a', [1, 2])"),
    "pandas ExcelWriter, openpyxl": ("openpyxl, pandas", FRAME + "x = pd.ExcelWriter('f.xlsx'); d.to_excel(x); open('f', 'w').close()"),
    "pandas ExcelWriter, xlsxwriter": ("xlsxwriter, pandas", FRAME + "x = pd.ExcelWriter('f.xlsx', engine='xlsxwriter'); d.to_excel(x); open('f', 'w').close()"),
    "pandas ExcelFile": ("openpyxl, pandas", FRAME + "d.to_excel('f.xlsx'); x = pd.ExcelFile('f.xlsx')"),
    "openpyxl, write only": ("openpyxl", "import openpyxl\nx = openpyxl.Workbook(write_only=True); s = x.create_sheet(); s.append([1]); del s; open('f', 'w').close()"),
    "openpyxl": ("openpyxl", "import openpyxl\nx = openpyxl.Workbook(); x.save('f.xlsx')"),
    "xlsxwriter": ("xlsxwriter", "import xlsxwriter\nx = xlsxwriter.Workbook('f.xlsx'); s = x.add_worksheet(); _ = s.write(0, 0, 1); del s, _; open('f', 'w').close()"),
    "pandas JsonReader": ("pandas", FRAME + "d.to_json('f', orient='records', lines=True); x = pd.read_json('f', lines=True, chunksize=1)"),
    "pyarrow OSFile": ("pyarrow", "import pyarrow as pa\nx = pa.OSFile('f', 'wb'); _ = x.write(b'abc'); del _"),
    "pyarrow ParquetWriter": ("pyarrow", ARROW + "x = pq.ParquetWriter('f', t.schema); x.write_table(t)"),
    "pyarrow ParquetWriter, closed": ("pyarrow", ARROW + "x = pq.ParquetWriter('f', t.schema); x.write_table(t); x.close()"),
    "pyarrow RecordBatchFileWriter": ("pyarrow", ARROW + "x = pa.ipc.new_file('f', t.schema); x.write_table(t)"),
    "pyarrow memory map": ("pyarrow", "import pyarrow as pa\nx = pa.create_memory_map('f', 8); _ = x.write(b'abcdefgh'); x.flush(); del _"),
    "pyarrow CSVWriter": ("pyarrow", ARROW + "import pyarrow.csv\nx = pa.csv.CSVWriter('f', t.schema); x.write_table(t)"),
    "imageio writer": ("imageio", "import imageio.v2 as iio, numpy as np\nx = iio.get_writer('f.gif'); x.append_data(np.zeros((4, 4), 'u1')); open('f', 'w').close()"),
    "imageio, version 3": ("imageio, tifffile", "import imageio.v3 as iio, numpy as np\nx = iio.imopen('f.tif', 'w', plugin='tifffile'); _ = x.write(np.zeros((4, 4), 'u1')); del _; open('f', 'w').close()"),
    "imageio, version 3, at its end": ("imageio", "import imageio.v3 as iio, numpy as np\nx = iio.imopen('f.gif', 'w', plugin='pillow'); _ = x.write(np.zeros((4, 4), 'u1')); del _; open('f', 'w').close()"),
    "imageio reader": ("imageio", "import imageio.v2 as iio, numpy as np\niio.imwrite('f.png', np.zeros((4, 4), 'u1')); x = iio.get_reader('f.png')"),
    "tifffile": ("tifffile", "import tifffile, numpy as np\nx = tifffile.TiffWriter('f'); x.write(np.zeros((4, 4), 'u1'))"),
    "cv2.VideoWriter": ("cv2", "import cv2, numpy as np\nx = cv2.VideoWriter('f.avi', cv2.VideoWriter_fourcc(*'MJPG'), 5, (16, 16)); _ = x.write(np.zeros((16, 16, 3), 'u1')); del _; open('f', 'w').close()"),
    "cv2.FileStorage": ("cv2", "import cv2\nx = cv2.FileStorage('f.yml', cv2.FILE_STORAGE_WRITE); x.write('a', 1.0); open('f', 'w').close()"),
    "duckdb": ("duckdb", "import duckdb\nx = duckdb.connect('f'); _ = x.execute('create table t as select 1'); del _"),
    "SQLAlchemy engine": ("sqlalchemy", "import sqlalchemy as sa\nx = sa.create_engine('sqlite:///f')\nwith x.begin() as c: _ = c.execute(sa.text('create table t(a int)'))\ndel c, _"),
    "SQLAlchemy connection": ("sqlalchemy", "import sqlalchemy as sa\nx = sa.create_engine('sqlite:///f').connect(); _ = x.execute(sa.text('create table t(a int)')); x.commit(); del _"),
    "SQLAlchemy connection, closed": ("sqlalchemy", "import sqlalchemy as sa\nx = sa.create_engine('sqlite:///f').connect(); _ = x.execute(sa.text('create table t(a int)')); x.commit(); x.close(); del _"),
    "SQLAlchemy session": ("sqlalchemy", "import sqlalchemy as sa\nfrom sqlalchemy import orm\nx = orm.Session(sa.create_engine('sqlite:///f')); _ = x.execute(sa.text('create table t(a int)')); x.commit(); del _"),
    "matplotlib PdfPages": ("matplotlib", "import matplotlib; matplotlib.use('agg')\nfrom matplotlib.backends.backend_pdf import PdfPages\nimport matplotlib.pyplot as plt\nx = PdfPages('f'); f = plt.figure(); x.savefig(f); plt.close(f); del f"),
    "matplotlib movie": ("matplotlib, PIL", "import matplotlib; matplotlib.use('agg')\nfrom matplotlib.animation import PillowWriter\nimport matplotlib.pyplot as plt\nf = plt.figure(figsize=(1, 1)); x = PillowWriter(); x.setup(f, 'f.gif'); x.grab_frame(); plt.close(f); del f; open('f', 'w').close()"),
    "PIL image of a file": ("PIL", "from PIL import Image\nImage.new('L', (4, 4)).save('f', 'png'); x = Image.open('f')"),
    "numpy.lib.npyio.NpzFile": ("numpy", "import numpy as np\nnp.savez('f.npz', a=np.arange(3)); x = np.load('f.npz')"),
    "joblib.Memory": ("joblib", "import joblib\nx = joblib.Memory('cache', verbose=0); open('f', 'w').close()"),
    "pytorch SummaryWriter": ("tensorboard", "from torch.utils.tensorboard import SummaryWriter\nx = SummaryWriter('runs'); x.add_scalar('a', 1, 1); open('f', 'w').close()"),
}  # fmt: skip


LOOK = "import os\nfound = {name: os.path.getsize(name) for name in os.listdir() if os.path.isfile(name)}"
"""What a cell finds at its end, before it is recorded."""


def files(directory: Path) -> dict[str, bytes]:
    """What is in every file below *directory*, but for the store."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_file() and not name.startswith("store"):
            found[name] = path.read_bytes()
    return found


def close_tables() -> None:
    """PyTables keeps all that is open, by its name."""
    if "tables" in sys.modules:
        sys.modules["tables"].file._open_files.close_all()


def go_back(session: Any, name: str = "x") -> None:
    """Undo and redo, and take a copy out of the past."""
    session.undo(allow_lost=True, replay="never")
    session.redo()
    with contextlib.suppress(TimeslipError):  # of what is being written there is no copy
        session.get("HEAD~1", name, as_="other")
        session.undo()
    with contextlib.suppress(TimeslipError):
        session.undo()


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """No class is tried: it may have come back well, as often as is asked for, from a file that is only read."""
    monkeypatch.setattr(proving.Prover, "doubtful", lambda *_: {})


@pytest.mark.parametrize("name", WRITTEN)
def test_files_are_left_as_they_are(name: str, tmp_path: Path) -> None:
    needs, cell = WRITTEN[name]
    if lack := lacks(Kind("", "", "", "", "", needs=tuple(filter(None, needs.split(", "))))):
        pytest.skip(lack)
    here = tmp_path
    for state in ("as it was left", "other content", "gone"):
        for path in here.rglob("*"):
            if path.is_file() and not str(path.relative_to(here)).startswith("store"):
                path.unlink()
        session = attach(here / f"store {state}", fresh(), "files")
        try:
            done = session.run(f"{cell}\n{LOOK}")
            assert done.error is None, done.error
            found = session.namespace["found"]
            assert found == {name: os.path.getsize(name) for name in found}
            session.run("x = None")
            gc.collect()
            close_tables()
            for path in map(Path, files(here) if state != "as it was left" else ()):
                if state == "gone":
                    path.unlink()
                else:
                    path.write_bytes(b"by somebody else")
            before = files(here)
            go_back(session)
            session.run("x = other = None")
            gc.collect()
            assert files(here) == before, state
        finally:
            session.close()
