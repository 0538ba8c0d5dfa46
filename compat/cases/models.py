"""Statistics and learning beside scikit-learn: statsmodels, lightgbm, xgboost, optuna, lmfit, nltk."""

from __future__ import annotations

from compat.case import Case, Family

DATA = """
import numpy as np, pandas as pd
rng = np.random.default_rng(0)
A = rng.random((60, 3))
y = A @ [1.0, 2.0, 3.0] + 0.1 * rng.normal(size=60)
labels = (y > 3).astype(int)
"""

STATSMODELS = (
    Case(
        "statsmodels.api.GLM",
        "x = sm.GLM(y, sm.add_constant(A), family=sm.families.Gaussian())",
        "x = sm.GLM(y * 2, sm.add_constant(A))",
        "x.fit().params",
        ("74",),
    ),
    Case(
        "statsmodels.regression.linear_model.RegressionResultsWrapper",
        "x = sm.OLS(y, sm.add_constant(A)).fit()",
        "x = sm.OLS(y * 2, sm.add_constant(A)).fit()",
        "x.predict(sm.add_constant(A))[:3], x.rsquared",
    ),
    Case(
        "statsmodels.formula.api.ols",
        "frame = pd.DataFrame({'y': y, 'a': A[:, 0], 'g': ['u', 'v'] * 30})\nx = smf.ols('y ~ a + C(g)', frame).fit()",
        "frame['y'] *= 2\nx = smf.ols('y ~ a', frame).fit()",
        "x.predict(frame[:2]), x.params",
    ),
    Case(
        "statsmodels.formula.api.glm (a function of the session)",
        "frame = pd.DataFrame({'y': y, 'a': A[:, 0]})\nk = 3\ndef f(v): return v * k\n"
        "x = smf.glm(f'y ~ {f.__name__}(a) + center(a)', frame).fit()",
        "k = 5\nx = smf.glm(f'y ~ {f.__name__}(a)', frame).fit()",
        "x.predict(frame[:2]).round(9), x.params.round(9)",
    ),
    Case(
        "patsy.DesignMatrix",
        "frame = pd.DataFrame({'y': y, 'a': A[:, 0], 'g': ['u', 'v'] * 30})\n"
        "x = patsy.dmatrix('standardize(a) + C(g)', frame)",
        "x = patsy.dmatrix('a', frame)",
        "x[:3], x.design_info.column_names, patsy.build_design_matrices([x.design_info], frame[:2])[0]",
        dist="patsy",
    ),
    Case(
        "statsmodels.tsa.arima.ARIMAResults",
        "x = sm.tsa.ARIMA(y, order=(1, 0, 0)).fit()",
        "x = sm.tsa.ARIMA(y, order=(0, 0, 1)).fit()",
        "x.forecast(2).round(6)",
    ),
    Case(
        "statsmodels.nonparametric.KDEUnivariate",
        "x = sm.nonparametric.KDEUnivariate(y)\nx.fit()",
        "x.fit(bw=0.7)",
        "x.evaluate(2.0)",
    ),
)

LIGHTGBM = (
    Case(
        "lightgbm.Dataset",
        "x = lgb.Dataset(A, label=y, free_raw_data=False)",
        "x.set_label(y * 2)",
        "lgb.train({'verbosity': -1, 'num_threads': 1, 'deterministic': True}, x, 2).predict(A)",
        ("152",),
    ),
    Case(
        "lightgbm.Dataset (constructed)",
        "x = lgb.Dataset(A, label=y, free_raw_data=False, params={'verbosity': -1}).construct()",
        "x.set_label(y * 2)",
        "lgb.train({'verbosity': -1, 'num_threads': 1, 'deterministic': True}, x, 2).predict(A)",
    ),
    Case(
        "lightgbm.Booster",
        "x = lgb.train({'verbosity': -1, 'num_threads': 1}, lgb.Dataset(A, y), 3)",
        "x = lgb.train({'verbosity': -1, 'num_threads': 1}, lgb.Dataset(A, -y), 3)",
        "x.predict(A)",
    ),
    Case(
        "lightgbm.LGBMRegressor",
        "x = lgb.LGBMRegressor(n_estimators=3, verbosity=-1, n_jobs=1).fit(A, y)",
        "x.fit(A, -y)",
        "x.predict(A)",
    ),
)

XGBOOST = (
    Case(
        "xgboost.XGBRegressor",
        "x = xgb.XGBRegressor(n_estimators=3, n_jobs=1).fit(A, y)",
        "x.fit(A, -y)",
        "x.predict(A)",
        ("x5",),
    ),
    Case(
        "xgboost.Booster",
        "x = xgb.train({'nthread': 1}, xgb.DMatrix(A, y), 3)",
        "x.set_attr(a='1'); x.update(xgb.DMatrix(A, -y), 3)",
        "x.predict(xgb.DMatrix(A)), x.attr('a')",
    ),
    Case(
        "xgboost.DMatrix", "x = xgb.DMatrix(A, y)", "x.set_label(y * 2)", "xgb.train({'nthread': 1}, x, 2).predict(x)"
    ),
    Case(
        "xgboost.XGBClassifier",
        "x = xgb.XGBClassifier(n_estimators=3, n_jobs=1).fit(A, labels)",
        "x.fit(A, 1 - labels)",
        "x.predict_proba(A)",
    ),
)

OPTUNA = (
    Case(
        "optuna.Study",
        "optuna.logging.set_verbosity(optuna.logging.ERROR)\nx = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))\nx.optimize(lambda t: t.suggest_float('a', 0, 1) ** 2, n_trials=3)",
        "x.optimize(lambda t: t.suggest_float('a', 0, 1) ** 2, n_trials=2)",
        "x.optimize(lambda t: t.suggest_float('a', 0, 1) ** 2, n_trials=1); (len(x.trials), x.best_value, x.trials[-1].params)",
        ("138",),
    ),
    Case(
        "optuna.trial.FrozenTrial",
        "x = optuna.trial.create_trial(value=1.0, params={'a': 0.5}, distributions={'a': optuna.distributions.FloatDistribution(0, 1)})",
        "x.set_user_attr('k', 1)",
        "x.params, x.user_attrs, x.duration",
    ),
    Case(
        "optuna.samplers.TPESampler",
        "x = optuna.samplers.TPESampler(seed=3)",
        "x.reseed_rng(); x.note = 1",
        "type(x).__name__, sorted(vars(x))",
    ),
)

LMFIT = (
    Case(
        "lmfit.Parameters",
        "x = lmfit.Parameters()\nx.add('a', 1.0, min=0)\nx.add('b', expr='2*a')",
        "x['a'].value = 3",
        "x['b'].value, x['a'].min",
        ("145",),
    ),
    Case(
        "lmfit.Model",
        "x = lmfit.models.GaussianModel(prefix='g_')",
        "x.set_param_hint('amplitude', value=3)",
        "x.eval(x.make_params(), x=np.arange(3.0))",
    ),
    Case(
        "lmfit.model.ModelResult",
        "x = lmfit.models.LinearModel().fit(y, x=A[:, 0], slope=1, intercept=0)",
        "x.fit(y * 2, x=A[:, 0])",
        "x.best_values, x.eval(x=np.array([0.5]))",
    ),
    Case(
        "lmfit.Minimizer",
        "p = lmfit.create_params(a=1.0)\nx = lmfit.Minimizer(lambda p: p['a'].value - y, p)",
        "x.params['a'].value = 2",
        "round(float(x.minimize().params['a'].value), 6)",
    ),
)

NLTK = (
    Case(
        "nltk.stem.porter.PorterStemmer",
        "x = nltk.stem.porter.PorterStemmer()",
        "x.mode = 'ORIGINAL_ALGORITHM'",
        "[x.stem(word) for word in ('running', 'dies', 'skies')]",
        ("149",),
    ),
    Case(
        "nltk.FreqDist",
        "x = nltk.FreqDist('abracadabra')",
        "x.update('zz'); x['q'] += 3",
        "x.most_common(3), x.N(), x.freq('a')",
    ),
    Case(
        "nltk.tree.Tree",
        "x = nltk.Tree.fromstring('(S (NP a) (VP b))')",
        "x[0].set_label('N')",
        "str(x), x.leaves(), x.height()",
    ),
    Case(
        "nltk.ConditionalFreqDist",
        "x = nltk.ConditionalFreqDist([('a', 1), ('b', 2)])",
        "x['a'][1] += 5",
        "x['a'].N(), x.conditions()",
    ),
    Case(
        "nltk.grammar.CFG",
        'x = nltk.CFG.fromstring(\'S -> A B\\nA -> "a"\\nB -> "b"\')',
        "x = nltk.CFG.fromstring('S -> A A\\nA -> \"a\"')",
        "[str(t) for t in nltk.ChartParser(x).parse(['a', 'a'])]",
    ),
)

FAMILIES = (
    Family(
        "statsmodels",
        "statsmodels",
        DATA + "import statsmodels.api as sm, statsmodels.formula.api as smf, patsy",
        STATSMODELS,
    ),
    Family("lightgbm", "lightgbm", DATA + "import lightgbm as lgb", LIGHTGBM),
    Family("xgboost", "xgboost-cpu", DATA + "import xgboost as xgb", XGBOOST),
    Family("optuna", "optuna", "import optuna", OPTUNA),
    Family("lmfit", "lmfit", DATA + "import lmfit, lmfit.models", LMFIT),
    Family("nltk", "nltk", "import nltk", NLTK),
)
