"""Astronomy, images, maps, circuits, games, optimization, and what computes elsewhere."""

from __future__ import annotations

from compat.case import Case, Family

ASTROPY_SETUP = """
import numpy as np, astropy.units as u, astropy.stats, astropy.table, astropy.nddata, astropy.visualization
import astropy.convolution, astropy.coordinates, astropy.time, astropy.cosmology, photutils.utils
import astropy.wcs
from astropy.io import fits
from astropy.modeling import fitting, models, polynomial
import photutils.psf
try:
    from photutils.psf import matching
except ImportError:
    import photutils.psf_matching as matching
pixels = np.arange(25.0).reshape(5, 5)
def sky(center):
    made = astropy.wcs.WCS(naxis=2)
    made.wcs.crpix = [2, 2]; made.wcs.cdelt = [0.1, 0.1]; made.wcs.crval = [center, 5]; made.wcs.ctype = ['RA---TAN', 'DEC--TAN']
    return made
"""

ASTROPY = (
    Case(
        "astropy.io.fits.HDUList",
        "x = fits.HDUList([fits.PrimaryHDU(pixels.copy())])",
        "x.append(fits.ImageHDU(pixels * 2, name='SCI')); x[0].header['A'] = 1",
        "x['PRIMARY'].data.sum(), [h.name for h in x], x[-1].data.sum(), x[0].header.get('A')",
        ("112",),
    ),
    Case(
        "astropy.io.fits.PrimaryHDU",
        "x = fits.PrimaryHDU(pixels.copy())",
        "x.data[0, 0] = 9; x.header['OBJECT'] = 'M1'",
        "x.data.sum(), x.header.get('OBJECT'), repr(x.header)",
        ("113",),
    ),
    Case(
        "astropy.modeling.models.Linear1D",
        "x = models.Linear1D(1.0, 2.0)",
        "x.slope = 5; x.intercept.fixed = True",
        "x(3.0), x.intercept.fixed",
        ("114",),
    ),
    Case(
        "astropy.modeling.models.Ellipse2D",
        "x = models.Ellipse2D(1.0, 2, 2, 2, 1, 0.3)",
        "x.amplitude = 4",
        "x(2.0, 2.0)",
        ("115",),
    ),
    Case(
        "astropy.modeling.fitting.LinearLSQFitter",
        "x = fitting.LinearLSQFitter()",
        "x(models.Linear1D(), np.arange(5.0), np.arange(5.0) * 2)\nNone",
        "x(models.Linear1D(), np.arange(5.0), np.arange(5.0) * 3).slope.value.round(6), sorted(x.fit_info)",
        ("116",),
    ),
    Case(
        "astropy.modeling.polynomial.Polynomial1D",
        "x = polynomial.Polynomial1D(2, c0=1, c1=2)",
        "x.c2 = 3",
        "x(2.0)",
        ("117",),
    ),
    Case(
        "astropy.modeling.polynomial.Polynomial2D",
        "x = polynomial.Polynomial2D(1, c0_0=1)",
        "x.c1_0 = 3",
        "x(2.0, 1.0)",
        ("118",),
    ),
    Case(
        "astropy.nddata.NDData",
        "x = astropy.nddata.NDData(pixels.copy(), unit='m', meta={'k': [1]})",
        "x.data[0, 0] = 9; x.meta['k'].append(2)",
        "x.data.sum(), x.meta, x.unit",
        ("119",),
    ),
    Case(
        "astropy.nddata.NDDataRef",
        "x = astropy.nddata.NDDataRef(pixels.copy(), uncertainty=astropy.nddata.StdDevUncertainty(pixels + 1))",
        "x.data[0, 0] = 9",
        "x.add(x).data.sum(), x.uncertainty.array.sum(), x.uncertainty.parent_nddata is x",
        ("120",),
    ),
    Case(
        "astropy.stats.SigmaClip",
        "x = astropy.stats.SigmaClip(sigma=2)",
        "x.sigma_lower = 1",
        "x(np.array([1.0, 1, 1, 2, 50]))",
        ("121",),
    ),
    Case(
        "astropy.table.QTable",
        "x = astropy.table.QTable({'a': [1, 2] * u.m, 'b': ['u', 'v']})",
        "x['a'][0] = 5 * u.m; x['c'] = [3, 4]; x.meta['k'] = 1",
        "x['a'].to('cm').value, x.colnames, x.meta, len(x.group_by('b').groups)",
        ("122",),
    ),
    Case(
        "astropy.units.Quantity",
        "x = np.arange(3.0) * u.km",
        "x[0] = 5 * u.m",
        "x.to('m').value, x.unit is u.km",
        ("123",),
    ),
    Case(
        "astropy.visualization.PercentileInterval",
        "x = astropy.visualization.PercentileInterval(90)",
        "x.lower_percentile = 20",
        "x.get_limits(pixels)",
        ("124",),
    ),
    Case(
        "astropy.visualization.ImageNormalize",
        "x = astropy.visualization.ImageNormalize(pixels, stretch=astropy.visualization.SqrtStretch())",
        "x.vmax = 10",
        "np.asarray(x(pixels))",
        ("125",),
    ),
    Case("astropy.wcs.WCS", "x = sky(10)", "x.wcs.crval = [20, 5]", "x.wcs_pix2world([[1.0, 1.0]], 0)", ("126",)),
    Case(
        "astropy.wcs.Celprm",
        "w = sky(10); w.wcs.set()\nx = w.wcs.cel",
        "w = sky(20); w.wcs.set()\nx = w.wcs.cel",
        "x.ref, x.theta0",
        ("127",),
    ),
    Case(
        "astropy.convolution.Box2DKernel",
        "x = astropy.convolution.Box2DKernel(3)",
        "x.normalize('peak')",
        "astropy.convolution.convolve(pixels, x)",
        ("128",),
    ),
    Case(
        "astropy.convolution.Gaussian2DKernel",
        "x = astropy.convolution.Gaussian2DKernel(1)",
        "x.normalize('peak')",
        "x.array.sum()",
        ("129",),
    ),
    Case(
        "astropy.coordinates.SkyCoord",
        "x = astropy.coordinates.SkyCoord(10 * u.deg, 20 * u.deg)",
        "x = astropy.coordinates.SkyCoord([1, 2] * u.deg, [3, 4] * u.deg, frame='galactic')",
        "x.transform_to('icrs').ra.deg",
        ("x6",),
    ),
    Case("astropy.time.Time", "x = astropy.time.Time('2024-01-01T00:00:00')", "x.format = 'jd'", "x.mjd, str(x)"),
    Case(
        "astropy.table.Table",
        "x = astropy.table.Table({'a': [1, 2]})",
        "x.add_row([7]); x['a'].description = 'd'; column = x['a']",
        "x['a'].sum(), x['a'].parent_table is x, x['a'].description, 'column' not in globals() or column is x['a']",
    ),
    Case(
        "astropy.cosmology.FlatLambdaCDM",
        "x = astropy.cosmology.FlatLambdaCDM(70, 0.3, name='mine')",
        "x = x.clone(H0=60)",
        "x.luminosity_distance(1.0).value",
    ),
    Case(
        "photutils.utils.CutoutImage",
        "x = photutils.utils.CutoutImage(pixels.copy(), (2, 2), (3, 3))",
        "x.data[0, 0] = 50",
        "x.data.sum(), x.bbox_original.ixmin",
        ("134",),
        dist="photutils",
    ),
    Case(
        "photutils.utils.ImageDepth",
        "x = photutils.utils.ImageDepth(2, n_apertures=5, n_iters=1, mask_pad=0, seed=1, progress_bar=False)",
        "x.n_apertures = 6",
        "x.n_apertures, x.aper_radius",
        ("135",),
        dist="photutils",
    ),
    Case(
        "photutils.psf.HanningWindow",
        "x = matching.HanningWindow()",
        "x.beta = 0.1",
        "x((5, 5))",
        ("136",),
        dist="photutils",
    ),
    Case(
        "photutils.psf.CosineBellWindow",
        "x = matching.CosineBellWindow(alpha=0.5)",
        "x.alpha = 0.9",
        "x((5, 5))",
        ("137",),
        dist="photutils",
    ),
)

IMAGES = (
    Case("skimage", "x = skimage.filters.sobel(image)", "x[0, 0] = 5", "x.sum()", ("72",), dist="scikit-image"),
    Case(
        "skimage.morphology",
        "x = skimage.morphology.dilation(image)",
        "x[0, 0] = 5",
        "x.sum()",
        ("73",),
        dist="scikit-image",
    ),
    Case(
        "skimage.transform.AffineTransform",
        "x = skimage.transform.AffineTransform(scale=2)",
        "x.params[0, 2] = 3",
        "x([[1.0, 1.0]])",
        dist="scikit-image",
    ),
    Case(
        "skimage.measure.RegionProperties",
        "x = skimage.measure.regionprops((image > 5).astype(int))[0]",
        "x._label_image[0, 0] = 1; x = skimage.measure.regionprops(x._label_image)[0]",
        "x.area, x.bbox",
        dist="scikit-image",
    ),
    Case(
        "cv2.UMat (ndarray of cv2)",
        "x = cv2.GaussianBlur(image.astype('f4'), (3, 3), 0)",
        "x[0, 0] = 7",
        "x.sum()",
        dist="opencv-python-headless",
    ),
    Case(
        "cv2.KalmanFilter",
        "x = cv2.KalmanFilter(2, 1)",
        "x.transitionMatrix = np.eye(2, dtype='f4') * 2",
        "x.transitionMatrix",
        dist="opencv-python-headless",
    ),
    Case(
        "cv2.ORB",
        "x = cv2.ORB_create(10) if hasattr(cv2, 'ORB_create') else cv2.ORB.create(10)",
        "x.setMaxFeatures(20)",
        "x.getMaxFeatures()",
        dist="opencv-python-headless",
    ),
    Case("cv2.KeyPoint", "x = cv2.KeyPoint(1, 2, 3)", "x.angle = 45", "x.pt, x.angle", dist="opencv-python-headless"),
)

CASCADE = (
    Case(
        "cv2.CascadeClassifier",
        "x = cv2.CascadeClassifier(cv2.data.haarcascades + 'haarcascade_eye.xml')",
        "x.load(cv2.data.haarcascades + 'haarcascade_smile.xml')\nNone",
        "x.empty(), x.getOriginalWindowSize()",
        ("97",),
    ),
)

MAPS = (
    Case(
        "geopandas.GeoDataFrame",
        "x = geopandas.GeoDataFrame({'a': [1]}, geometry=[shapely.Point(1, 2)], crs=4326)",
        "x['b'] = 2; x.loc[0, 'geometry'] = shapely.Point(3, 4)",
        "x.to_crs(3857).geometry.iloc[0].x, x.crs.to_epsg()",
        dist="geopandas",
    ),
    Case(
        "geopandas.GeoSeries",
        "x = geopandas.GeoSeries([shapely.Point(0, 0).buffer(1)])",
        "x[0] = shapely.Point(1, 1)",
        "x.area.sum()",
        dist="geopandas",
    ),
    Case(
        "shapely.Polygon", "x = shapely.Polygon([(0, 0), (1, 0), (1, 1)])", "x = x.buffer(1)", "x.area", dist="shapely"
    ),
    Case(
        "shapely.prepared.PreparedGeometry",
        "x = shapely.prepared.prep(shapely.Point(0, 0).buffer(1))",
        "x = shapely.prepared.prep(shapely.Point(5, 5).buffer(1))",
        "x.contains(shapely.Point(0, 0))",
        dist="shapely",
    ),
    Case(
        "shapely.STRtree",
        "x = shapely.STRtree([shapely.Point(0, 0), shapely.Point(5, 5)])",
        "x = shapely.STRtree([shapely.Point(9, 9)])",
        "x.nearest(shapely.Point(4, 4))",
        dist="shapely",
    ),
    Case(
        "pyproj.Transformer",
        "x = pyproj.Transformer.from_crs(4326, 3857)",
        "x = pyproj.Transformer.from_crs(4326, 32633)",
        "x.transform(50, 10)",
        dist="pyproj",
    ),
    Case("pyproj.CRS", "x = pyproj.CRS(4326)", "x = pyproj.CRS(3857)", "x.name, x.to_epsg()", dist="pyproj"),
)

QISKIT = (
    Case(
        "qiskit.QuantumCircuit",
        "x = qiskit.QuantumCircuit(2)\nx.h(0)",
        "x.cx(0, 1); x.metadata = {'k': 1}\nNone",
        "qiskit.quantum_info.Statevector(x).data, x.count_ops()",
        ("6",),
    ),
    Case(
        "qiskit.quantum_info.Statevector",
        "x = qiskit.quantum_info.Statevector([1, 0])",
        "x.data[0] = 0; x.data[1] = 1",
        "x.probabilities()",
    ),
    Case(
        "qiskit.circuit.Parameter",
        "x = qiskit.circuit.Parameter('t')\nqc = qiskit.QuantumCircuit(1)\nqc.rx(x, 0)",
        "qc.rz(x, 0)\nNone",
        "qc.assign_parameters({x: 0.5}).draw().single_string()",
    ),
    Case(
        "qiskit.quantum_info.SparsePauliOp",
        "x = qiskit.quantum_info.SparsePauliOp(['XX', 'ZI'])",
        "x.coeffs[0] = 3",
        "x.to_matrix()",
    ),
)

GAMES = (
    Case(
        "gymnasium.wrappers.TimeLimit",
        "x = gymnasium.wrappers.TimeLimit(gymnasium.make('CartPole-v1').unwrapped, 7)\nx.reset(seed=3)\nNone",
        "x.step(1)\nNone",
        "x.step(0)[0], x._elapsed_steps",
        ("99",),
        remark="gymnasium is the successor of gym, which is not maintained",
    ),
    Case(
        "gymnasium.Env (made by name)",
        "x = gymnasium.make('CartPole-v1')\nx.reset(seed=3)\nNone",
        "x.step(1)\nNone",
        "x.step(0)[0]",
    ),
    Case("gymnasium.spaces.Box", "x = gymnasium.spaces.Box(0, 1, (2,), seed=1)", "x.sample()", "x.sample()"),
    Case(
        "gymnasium.vector.SyncVectorEnv",
        "x = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make('CartPole-v1')] * 2)\nx.reset(seed=1)\nNone",
        "x.step([0, 1])\nNone",
        "x.step([1, 1])[0]",
    ),
)

FORECAST = (
    Case(
        "catboost.CatBoostClassifier",
        "x = catboost.CatBoostClassifier(iterations=3, verbose=0, random_seed=1, thread_count=1, allow_writing_files=False).fit(A, labels)",
        "x.fit(A, 1 - labels)\nNone",
        "x.predict_proba(A)",
        ("96",),
        dist="catboost",
    ),
    Case(
        "catboost.Pool",
        "x = catboost.Pool(A, labels)",
        "x.set_weight(np.arange(1.0, 61.0))\nNone",
        "x.num_row(), x.get_label()[:3], x.get_weight()[:3]",
        dist="catboost",
    ),
    Case(
        "prophet.Prophet",
        "x = prophet.Prophet(weekly_seasonality=False, yearly_seasonality=False, daily_seasonality=False, uncertainty_samples=0)\nx.add_seasonality('m', 30, 2)\nNone",
        "x.add_seasonality('q', 90, 2)\nNone",
        "sorted(x.seasonalities), x.growth",
        ("94",),
        dist="prophet",
    ),
    Case(
        "prophet.Prophet (fitted)",
        "x = prophet.Prophet(weekly_seasonality=False, yearly_seasonality=False, daily_seasonality=False, uncertainty_samples=0, n_changepoints=2).fit(days, seed=1)",
        "x.params['k'] *= 2",
        "x.predict(days[:3])['yhat'].round(6)",
        dist="prophet",
    ),
)

EXPLAIN = (
    Case(
        "shap.explainers.Exact",
        "model = sklearn.linear_model.LinearRegression().fit(A, labels)\nx = shap.explainers.Exact(model.predict, A)",
        "x = shap.explainers.Exact(model.predict, A * 2)",
        "x(A[:2]).values.round(6)",
        ("x1",),
        dist="shap",
    ),
    Case(
        "numba.jit",
        "@numba.njit\ndef double(v):\n    return v * 2\nx = double\nx(2)\nNone",
        "x(2.5); x.tag = 1",
        "x(3), x(2.5), getattr(x, 'tag', 0)",
        dist="numba",
    ),
    Case(
        "numba.typed.List",
        "x = numba.typed.List([1, 2])",
        "x.append(9)",
        "list(x), str(x._dtype)",
        dist="numba",
    ),
    Case(
        "numba.typed.Dict",
        "x = numba.typed.Dict.empty(numba.types.unicode_type, numba.types.float64)\nx['a'] = 1.5",
        "x['b'] = 2.5",
        "dict(x), str(x._dict_type.value_type)",
        dist="numba",
    ),
)

EMBED = (
    Case(
        "umap.UMAP",
        "x = umap.UMAP(n_neighbors=5, n_epochs=10, random_state=1).fit(A)",
        "x.n_epochs = 5",
        "x.embedding_.shape, x.n_epochs",
        dist="umap-learn",
    ),
    Case(
        "hdbscan.HDBSCAN",
        "x = hdbscan.HDBSCAN(min_cluster_size=3).fit(A)",
        "x.fit(A * 2)\nNone",
        "x.labels_",
        dist="hdbscan",
    ),
)

SYMBOLIC = (
    Case(
        "hyperopt.Trials",
        "x = hyperopt.Trials()\nhyperopt.fmin(lambda v: v ** 2, hyperopt.hp.uniform('v', 0, 1), max_evals=2, trials=x, rstate=np.random.default_rng(1), show_progressbar=False, verbose=False)\nNone",
        "hyperopt.fmin(lambda v: v ** 2, hyperopt.hp.uniform('v', 0, 1), max_evals=3, trials=x, rstate=np.random.default_rng(2), show_progressbar=False, verbose=False)\nNone",
        "len(x.trials), x.losses()",
        dist="hyperopt",
    ),
    Case(
        "cvxpy.Problem",
        "v = cp.Variable()\nx = cp.Problem(cp.Minimize((v - 3) ** 2))",
        "x.solve()\nNone",
        "x.status, round(float(x.solve()), 4), round(float(v.value), 3)",
        dist="cvxpy",
    ),
    Case("sympy.Symbol", "x = sympy.Symbol('q')", "x = x ** 2 + 1", "sympy.diff(x, sympy.Symbol('q'))", dist="sympy"),
    Case("sympy.Matrix", "x = sympy.Matrix([[1, 2], [3, 4]])", "x[0, 0] = sympy.Symbol('q')", "x.det()", dist="sympy"),
    Case(
        "sympy.Function",
        "x = sympy.Function('f')(sympy.Symbol('t'))",
        "x = x.diff(sympy.Symbol('t'))",
        "str(x.doit()), x.free_symbols",
        dist="sympy",
    ),
)

DATA = """
import numpy as np, pandas as pd
A = np.random.default_rng(0).random((60, 3))
labels = (A[:, 0] > 0.5).astype(int)
days = pd.DataFrame({'ds': pd.date_range('2024', periods=30), 'y': np.arange(30.0)})
"""

SPARK = (
    Case(
        "pyspark.sql (to pandas)",
        "x = spark.createDataFrame([(1, 'a')], ['n', 's']).toPandas()",
        "x['m'] = x.n + 1",
        "x.n.sum(), list(x.columns)",
        ("95",),
    ),
)

PYMC = (
    Case(
        "pymc.Model",
        "with pm.Model() as x:\n    m = pm.Normal('m', 0, 1)",
        "with x:\n    s = pm.HalfNormal('s', 1)",
        "sorted(v.name for v in x.free_RVs), float(x.compile_logp()(x.initial_point()))",
        dist="pymc",
    ),
)

MORE = (
    Case(
        "ibis.Table (memtable)",
        "x = ibis.memtable({'a': [1, 2]})",
        "x = x.mutate(b=x.a * 2)",
        "x.columns, x.schema()",
        dist="ibis-framework",
    ),
    Case(
        "lightning.LightningModule",
        "class Lit(lightning.LightningModule):\n    def __init__(self):\n        super().__init__()\n        self.l = torch.nn.Linear(2, 1)\n    def forward(self, v):\n        return self.l(v)\ntorch.manual_seed(0)\nx = Lit()",
        "with torch.no_grad():\n    x.l.weight.mul_(2)",
        "x(torch.ones(1, 2)).item()",
        dist="lightning",
    ),
    Case(
        "accelerate.Accelerator",
        "x = accelerate.Accelerator(cpu=True)",
        "x.step = 3",
        "x.device.type, x.num_processes",
        dist="accelerate",
    ),
)

FAMILIES = (
    Family("astropy", "astropy", ASTROPY_SETUP, ASTROPY, "full"),
    Family(
        "images",
        "",
        "import numpy as np, cv2, skimage, skimage.filters, skimage.morphology, skimage.transform, skimage.measure\nimage = np.arange(100.0).reshape(10, 10) % 17",
        IMAGES,
        "full",
    ),
    Family("cascade", "opencv-python-headless", "import cv2, numpy as np", CASCADE, "opencv"),
    Family("maps", "", "import geopandas, shapely, shapely.prepared, pyproj", MAPS, "full"),
    Family("qiskit", "qiskit", "import qiskit, qiskit.quantum_info, qiskit.circuit", QISKIT, "full"),
    Family("games", "gymnasium", "import gymnasium, gymnasium.wrappers", GAMES, "full"),
    Family("forecast", "", DATA + "import catboost, prophet", FORECAST, "full"),
    Family("explain", "", DATA + "import shap, numba, sklearn.linear_model", EXPLAIN, "full"),
    Family("embed", "", DATA + "import umap, hdbscan", EMBED, "full"),
    Family("symbolic", "", DATA + "import sympy, cvxpy as cp, hyperopt", SYMBOLIC, "full"),
    Family(
        "pyspark",
        "pyspark",
        "from pyspark.sql import SparkSession\nspark = SparkSession.builder.master('local[1]').getOrCreate()",
        SPARK,
        "full",
    ),
    Family("pymc", "pymc", "import pymc as pm", PYMC, "full"),
    Family("more", "", "import ibis, torch, lightning, accelerate", MORE, "full"),
)
