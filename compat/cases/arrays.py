"""numpy, pandas and scipy."""

from __future__ import annotations

from compat.case import Case, Family

NUMPY = (
    Case(
        "numpy.ndarray", "x = np.arange(12.0).reshape(3, 4); view = x[1:]", "x[2, 0] = 99", "view.sum()", ("1", "130")
    ),
    Case("numpy.ma.MaskedArray", "x = np.ma.masked_array([1.0, 2.0, 3.0], mask=[0, 1, 0])", "x[0] = 7", "x.mean()"),
    Case("numpy.recarray", "x = np.rec.array([(1, 2.0), (3, 4.0)], names='a,b')", "x.a[0] = 9", "(x.a.sum(), x[1].b)"),
    Case("numpy.random.Generator", "x = np.random.default_rng(5)", "x.normal(size=3)", "x.normal(size=4)"),
    Case("numpy.random.RandomState", "x = np.random.RandomState(5)", "x.randn(3)", "x.randn(4)"),
    Case("numpy.random.SeedSequence", "x = np.random.SeedSequence(5)", "x.spawn(2)", "x.spawn(1)[0].generate_state(2)"),
    Case("numpy.matrix", "x = np.matrix([[1, 2], [3, 4]])", "x[0, 0] = 5", "x * x"),
    Case("numpy.poly1d", "x = np.poly1d([1, 2, 3])", "x[0] = 9", "x(2.0)"),
    Case("numpy.polynomial.Polynomial", "x = np.polynomial.Polynomial([1, 2, 3.0])", "x.coef[0] = 9", "x.roots()"),
    Case("numpy.vectorize", "x = np.vectorize(lambda a: a + 1)", "x.otypes = 'd'", "x([1, 2])"),
    Case("numpy.nditer", "data = np.arange(6)\nx = np.nditer(data)", "next(x)", "int(next(x))"),
    Case(
        "numpy.memmap",
        "np.arange(6.0).tofile('map.bin')\nx = np.memmap('map.bin', 'f8', 'r+')",
        "x = x[1:]",
        "x.shape, x.sum()",
        remark="what is written to its file stays in the file, whatever is undone",
    ),
    Case("numpy.datetime64", "x = np.datetime64('2024-01-01')", "x = x + np.timedelta64(1, 'D')", "str(x)"),
    Case("numpy.dtype", "x = np.dtype([('a', 'i4'), ('b', 'f8')])", "x = np.dtype('f4')", "np.zeros(2, x)"),
)

PANDAS = (
    Case("pandas.Series", "x = pd.Series([1, 2, 3], index=list('abc'))", "x['b'] = 20", "x.sum()", ("2",)),
    Case(
        "pandas.DataFrame",
        "x = pd.DataFrame({'a': [1, 2], 's': ['u', None], 'c': pd.Categorical(['p', 'q'])})",
        "x['d'] = x['a'] * 2",
        "x.describe(include='all')",
        ("3",),
    ),
    Case(
        "pandas.MultiIndex",
        "x = pd.MultiIndex.from_product([[1, 2], ['a', 'b']], names=['n', 's'])",
        "x = x.set_names(['m', 't'])",
        "x.get_loc((1, 'b'))",
    ),
    Case("pandas.Categorical", "x = pd.Categorical(['a', 'b', 'a'])", "x[0] = 'b'", "x.value_counts()"),
    Case(
        "pandas.DatetimeIndex",
        "x = pd.date_range('2024', periods=3, freq='D', tz='UTC')",
        "x = x.shift(1)",
        "x + x.freq",
    ),
    Case(
        "pandas.Timestamp",
        "x = pd.Timestamp('2024-01-01', tz='Europe/Berlin')",
        "x = x + pd.Timedelta('1h')",
        "x.tz_convert('UTC')",
    ),
    Case(
        "pandas.core.groupby.DataFrameGroupBy",
        "df = pd.DataFrame({'k': [1, 1, 2], 'v': [3, 4, 5]})\nx = df.groupby('k')",
        "df.loc[0, 'v'] = 100\nx = df.groupby('k')",
        "x['v'].sum()",
    ),
    Case(
        "pandas.core.window.Rolling",
        "x = pd.Series([1.0, 2, 3, 4]).rolling(2)",
        "x = pd.Series([1.0, 2, 3, 5]).rolling(3)",
        "x.mean()",
    ),
    Case("pandas.Interval", "x = pd.Interval(0, 1)", "x = pd.Interval(0, 2)", "1.5 in x"),
    Case(
        "pandas.arrays.ArrowExtensionArray", "x = pd.array([1, None, 3], dtype='int64[pyarrow]')", "x[0] = 8", "x.sum()"
    ),
    Case(
        "pandas.io.formats.style.Styler",
        "x = pd.DataFrame({'a': [1.5]}, index=['r']).style.format('{:.1f}')",
        "x.set_caption('c')",
        "x.to_latex()",
    ),
    Case(
        "pandas.api.typing.DataFrameGroupBy.__iter__",
        "x = iter(pd.DataFrame({'k': [1, 2], 'v': [3, 4]}).groupby('k'))",
        "next(x)",
        "next(x)[0]",
    ),
    Case(
        "pandas.ExcelFile",
        "pd.DataFrame({'a': [1, 2]}).to_excel('book.xlsx', index=False)\nx = pd.ExcelFile('book.xlsx')",
        "x.parse(); x.note = 1",
        "x.parse(x.sheet_names[0]), getattr(x, 'note', 0)",
    ),
    Case(
        "pandas.io.parsers.TextFileReader",
        "open('rows.csv', 'w').write('a\\n1\\n2\\n3\\n')\nx = pd.read_csv('rows.csv', chunksize=1)",
        "next(x)",
        "next(x)",
    ),
)

SCIPY = (
    Case(
        "scipy.sparse.coo_array",
        "x = sp.sparse.coo_array(([1.0, 2.0], ([0, 1], [1, 0])), shape=(2, 2))",
        "x.data[0] = 7",
        "x.toarray()",
        ("58",),
    ),
    Case(
        "scipy.spatial.Delaunay",
        "x = sp.spatial.Delaunay(points)",
        "x = sp.spatial.Delaunay(points * 2)",
        "x.find_simplex([[0.5, 0.5]])",
        ("59",),
    ),
    Case(
        "scipy.spatial.Delaunay (incremental)",
        "x = sp.spatial.Delaunay(points, incremental=True)",
        "x.add_points([[2.0, 2.0]])",
        "x.find_simplex([[0.5, 0.5]])",
        remark="qhull keeps its state outside Python",
    ),
    Case(
        "scipy.spatial.ConvexHull",
        "x = sp.spatial.ConvexHull(points)",
        "x = sp.spatial.ConvexHull(points[:6] * 3)",
        "(x.area, x.vertices)",
        ("60",),
    ),
    Case(
        "scipy.spatial.cKDTree",
        "x = sp.spatial.cKDTree(points)",
        "x = sp.spatial.cKDTree(points * 2)",
        "x.query([0.1, 0.1])",
    ),
    Case("scipy.spatial.Voronoi", "x = sp.spatial.Voronoi(points)", "x = sp.spatial.Voronoi(points * 2)", "x.vertices"),
    Case(
        "scipy.spatial.transform.Rotation",
        "x = sp.spatial.transform.Rotation.from_euler('z', 90, degrees=True)",
        "x = x * x",
        "x.apply([1.0, 0, 0])",
    ),
    Case(
        "scipy.interpolate",
        "x = sp.interpolate.griddata(points, points[:, 0], points[:3] * 0.9)",
        "x[0] = 5.0",
        "x.sum()",
        ("61",),
    ),
    Case(
        "scipy.interpolate.CubicSpline",
        "x = sp.interpolate.CubicSpline([0, 1, 2.0], [1, 3, 2.0])",
        "x.c[0] += 1",
        "x(1.5)",
    ),
    Case(
        "scipy.interpolate.interp1d", "x = sp.interpolate.interp1d([0, 1, 2.0], [1, 3, 2.0])", "x.y[1] = 30.0", "x(1.5)"
    ),
    Case(
        "scipy.interpolate.RBFInterpolator",
        "x = sp.interpolate.RBFInterpolator(points, points[:, 0])",
        "x = sp.interpolate.RBFInterpolator(points, points[:, 1])",
        "x([[0.3, 0.3]])",
    ),
    Case("scipy.ndimage", "x = sp.ndimage.gaussian_filter(np.eye(5), 1)", "x[0, 0] = 3", "x.sum()", ("62", "63")),
    Case(
        "scipy.optimize",
        "x = sp.optimize.minimize(lambda v: (v[0] - 1) ** 2, [0.0]).x",
        "x += 1",
        "x.round(3)",
        ("64",),
    ),
    Case(
        "scipy.optimize.OptimizeResult",
        "x = sp.optimize.minimize(lambda v: (v[0] - 1) ** 2, [0.0])",
        "x.x[0] = 7; x.message = 'm'",
        "x.x + x.jac",
    ),
    Case(
        "scipy.signal.TransferFunctionContinuous",
        "x = sp.signal.TransferFunction([1], [1, 2, 1])",
        "x.num = [1, 3]",
        "x.poles, x.zeros",
        ("65",),
    ),
    Case("scipy.signal.windows", "x = sp.signal.windows.hann(8)", "x[0] = 1", "x.sum()", ("66",)),
    Case(
        "scipy.signal.ShortTimeFFT",
        "x = sp.signal.ShortTimeFFT(sp.signal.windows.hann(8), 4, 1.0)",
        "x.mfft = 16",
        "x.stft(np.arange(32.0))",
    ),
    Case(
        "scipy.spatial.distance.directed_hausdorff",
        "x = sp.spatial.distance.directed_hausdorff(points, points * 2)[0]",
        "x = x * 2",
        "x + 1",
        ("67",),
    ),
    Case(
        "scipy.spatial.distance", "x = sp.spatial.distance.euclidean([1.0, 0], [0, 1.0])", "x = x * 2", "x + 1", ("68",)
    ),
    Case("scipy.special", "x = sp.special.gamma([1.0, 2.5])", "x[0] = 4", "x.sum()", ("69",)),
    Case(
        "scipy.stats.LinregressResult",
        "x = sp.stats.linregress([1, 2, 3.0], [2, 4, 7.0])",
        "x = sp.stats.linregress([1, 2, 3.0], [2, 4, 9.0])",
        "x.slope * 2 + x.intercept_stderr",
        ("70",),
    ),
    # Without a state of its own it draws from numpy's global generator, which no two kernels have alike.
    Case(
        "scipy.stats.rv_frozen", "x = sp.stats.norm(1.0, 2.0)\nx.random_state = 7", "x.rvs(3)", "(x.cdf(1.5), x.rvs(3))"
    ),
    Case("scipy.stats.gaussian_kde", "x = sp.stats.gaussian_kde([1, 2, 2.5])", "x.set_bandwidth(0.5)", "x([2.0])"),
    Case(
        "scipy.stats.rv_histogram",
        "x = sp.stats.rv_histogram(np.histogram([1, 2, 2, 3.0], bins=3))\nx.random_state = 3",
        "x.rvs(2)",
        "(x.mean(), x.rvs(2))",
    ),
    Case("scipy.sparse.csr_matrix", "x = sp.sparse.csr_matrix(np.eye(3))", "x[0, 0] = 5", "x @ np.ones(3)"),
    Case(
        "scipy.sparse.linalg.SuperLU",
        "x = sp.sparse.linalg.splu(sp.sparse.csc_matrix(np.eye(3) * 2))",
        "x = sp.sparse.linalg.splu(sp.sparse.csc_matrix(np.eye(3) * 4))",
        "x.solve(np.ones(3))",
    ),
    Case(
        "scipy.sparse.linalg.LinearOperator",
        "x = sp.sparse.linalg.aslinearoperator(np.eye(3))",
        "x = x * 2",
        "x @ np.ones(3)",
    ),
    Case(
        "scipy.integrate.OdeSolution",
        "x = sp.integrate.solve_ivp(lambda t, y: -y, (0, 1), [1.0], dense_output=True).sol",
        "x.ts[0] = 0.0; x.tag = 1",
        "x(0.5)",
    ),
    Case("scipy.integrate.RK45", "x = sp.integrate.RK45(lambda t, y: -y, 0, [1.0], 5)", "x.step()", "x.step(); x.y"),
    Case("scipy.stats.qmc.Sobol", "x = sp.stats.qmc.Sobol(2, seed=3)", "x.random(4)", "x.random(4)"),
)

FAMILIES = (
    Family("numpy", "numpy", "import numpy as np", NUMPY),
    Family("pandas", "pandas", "import numpy as np, pandas as pd", PANDAS),
    Family(
        "scipy",
        "scipy",
        "import numpy as np, scipy as sp, scipy.spatial.transform\npoints = np.random.default_rng(1).random((12, 2))",
        SCIPY,
    ),
)
