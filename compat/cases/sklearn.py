"""scikit-learn: estimators are fitted, fitted again on other data, and must predict the same."""

from __future__ import annotations

from compat.case import Case, Family

SETUP = """
import numpy as np, sklearn, sklearn.base, sklearn.datasets, sklearn.metrics.pairwise, sklearn.utils
from sklearn import (calibration, cluster, compose, covariance, cross_decomposition, decomposition,
    discriminant_analysis, dummy, ensemble, feature_extraction, feature_selection, gaussian_process, impute, isotonic,
    kernel_approximation, kernel_ridge, linear_model, manifold, metrics, mixture, model_selection, multiclass,
    multioutput, naive_bayes, neighbors, neural_network, pipeline, preprocessing, random_projection, svm, tree)
rng = np.random.default_rng(0)
A = rng.random((40, 4))
B = rng.random((40, 4)) + 0.2
labels = (A[:, 0] > 0.5).astype(int)
three = np.arange(40) % 3
target = A @ [1.0, 2.0, 3.0, 4.0]
holes = A.copy()
holes[::5, 1] = np.nan
texts = ["a cat sat", "the dog ran", "a dog sat down", "cats and dogs"]
"""


def _estimator(label: str, make: str, use: str, number: str = "", on: str = "labels") -> Case:
    """A case: fitted, and fitted again on other data; not every estimator shows on what."""
    again = on if on != "None" else "None"
    return Case(
        f"sklearn.{label}",
        f"x = {make}.fit(A, {on})",
        f"x.fit(B, {again}); x.note_ = [1]",
        f"{use}, getattr(x, 'note_', 0)",
        (number,) if number else (),
    )


PREDICT, TRANSFORM, PROBABILITY = "x.predict(A)", "x.transform(A)", "x.predict_proba(A)"

LISTED = (
    _estimator("cluster.KMeans", "cluster.KMeans(3, random_state=0, n_init=2)", PREDICT, "26", "None"),
    _estimator(
        "cluster.MiniBatchKMeans",
        "cluster.MiniBatchKMeans(3, random_state=0, n_init=2)",
        "x.partial_fit(B).predict(A)",
        "27",
        "None",
    ),
    _estimator(
        "compose.ColumnTransformer",
        "compose.ColumnTransformer([('s', preprocessing.StandardScaler(), [0, 1]), ('p', 'passthrough', [2])])",
        TRANSFORM,
        "28",
    ),
    Case(
        "sklearn.utils.Bunch",
        "x = sklearn.datasets.load_iris()",
        "x['data'][0, 0] = 99; x['more'] = [1]",
        "(x.data.sum(), x.target_names.tolist(), x['more'] if 'more' in x else 0)",
        ("29",),
    ),
    Case("sklearn.datasets", "x = sklearn.datasets.make_blobs(20, random_state=0)[0]", "x[0] = 0", "x.sum()", ("30",)),
    _estimator(
        "decomposition.IncrementalPCA", "decomposition.IncrementalPCA(2)", "x.partial_fit(B).transform(A)", "31", "None"
    ),
    _estimator(
        "discriminant_analysis.LinearDiscriminantAnalysis",
        "discriminant_analysis.LinearDiscriminantAnalysis()",
        PROBABILITY,
        "32",
    ),
    _estimator("dummy.DummyClassifier", "dummy.DummyClassifier(strategy='stratified', random_state=1)", PREDICT, "33"),
    _estimator(
        "ensemble.AdaBoostClassifier", "ensemble.AdaBoostClassifier(n_estimators=5, random_state=0)", PROBABILITY, "34"
    ),
    Case(
        "sklearn.feature_extraction.text.CountVectorizer",
        "x = feature_extraction.text.CountVectorizer().fit(texts)",
        "x.fit(texts[:2])",
        "x.transform(texts).toarray()",
        ("35",),
    ),
    _estimator(
        "feature_selection.SelectPercentile", "feature_selection.SelectPercentile(percentile=50)", TRANSFORM, "36"
    ),
    Case(
        "sklearn.impute.SimpleImputer",
        "x = impute.SimpleImputer().fit(holes)",
        "x.fit(holes * 2)",
        "x.transform(holes)",
        ("37",),
    ),
    Case(
        "sklearn.impute.KNNImputer",
        "x = impute.KNNImputer(n_neighbors=2).fit(holes)",
        "x.fit(holes * 2)",
        "x.transform(holes)",
        ("38", "39"),
    ),
    _estimator("kernel_ridge.KernelRidge", "kernel_ridge.KernelRidge(kernel='rbf')", PREDICT, "40", "target"),
    _estimator("linear_model.LinearRegression", "linear_model.LinearRegression()", PREDICT, "41", "target"),
    _estimator("linear_model.LogisticRegression", "linear_model.LogisticRegression()", PROBABILITY, "42"),
    _estimator(
        "manifold.LocallyLinearEmbedding",
        "manifold.LocallyLinearEmbedding(n_neighbors=6, random_state=0)",
        TRANSFORM,
        "43",
        "None",
    ),
    Case("sklearn.metrics", "x = metrics.f1_score(labels, labels[::-1])", "x = x / 2", "round(x, 6)", ("44",)),
    Case("sklearn.metrics.pairwise", "x = metrics.pairwise.euclidean_distances(A)", "x[0, 1] = 5", "x.sum()", ("45",)),
    _estimator(
        "mixture.GaussianMixture",
        "mixture.GaussianMixture(2, random_state=0)",
        "(x.predict(A), x.sample(3)[0])",
        "46",
        "None",
    ),
    Case(
        "sklearn.model_selection.GroupKFold",
        "x = model_selection.GroupKFold(n_splits=2)",
        "x.n_splits = 3",
        "[test.tolist() for _, test in x.split(A, labels, three)]",
        ("47",),
    ),
    _estimator(
        "multiclass.OneVsOneClassifier",
        "multiclass.OneVsOneClassifier(svm.LinearSVC(random_state=0))",
        PREDICT,
        "48",
        "three",
    ),
    _estimator("naive_bayes.GaussianNB", "naive_bayes.GaussianNB()", "x.partial_fit(B, labels).predict_proba(A)", "49"),
    _estimator("neighbors.KNeighborsClassifier", "neighbors.KNeighborsClassifier(3)", PROBABILITY, "50"),
    _estimator(
        "neural_network.MLPClassifier",
        "neural_network.MLPClassifier((5,), max_iter=20, random_state=0, warm_start=True)",
        "x.fit(A, labels).predict_proba(A)",
        "51",
    ),
    _estimator(
        "pipeline.Pipeline",
        "pipeline.Pipeline([('s', preprocessing.StandardScaler()), ('m', linear_model.Ridge())])",
        PREDICT,
        "52",
        "target",
    ),
    Case(
        "sklearn.preprocessing.OneHotEncoder",
        "x = preprocessing.OneHotEncoder().fit([['a'], ['b']])",
        "x.fit([['b'], ['c']])",
        "x.transform([['b']]).toarray()",
        ("53",),
    ),
    _estimator(
        "random_projection.GaussianRandomProjection",
        "random_projection.GaussianRandomProjection(2, random_state=0)",
        TRANSFORM,
        "54",
        "None",
    ),
    _estimator(
        "pipeline.Pipeline (svm)",
        "pipeline.make_pipeline(preprocessing.StandardScaler(), svm.SVC(probability=False))",
        "x.decision_function(A)",
        "55",
    ),
    _estimator(
        "tree.DecisionTreeClassifier",
        "tree.DecisionTreeClassifier(random_state=0)",
        "(x.predict_proba(A), tree.export_text(x))",
        "56",
    ),
    Case("sklearn.utils", "x = sklearn.utils.shuffle(A, random_state=0)", "x[0] = 0", "x.sum()", ("57",)),
)

FURTHER = (
    _estimator("ensemble.RandomForestClassifier", "ensemble.RandomForestClassifier(5, random_state=0)", PROBABILITY),
    _estimator(
        "ensemble.GradientBoostingRegressor",
        "ensemble.GradientBoostingRegressor(n_estimators=5, random_state=0)",
        PREDICT,
        "",
        "target",
    ),
    _estimator(
        "ensemble.HistGradientBoostingClassifier",
        "ensemble.HistGradientBoostingClassifier(max_iter=5, random_state=0)",
        PROBABILITY,
    ),
    _estimator(
        "ensemble.IsolationForest",
        "ensemble.IsolationForest(n_estimators=5, random_state=0)",
        "x.score_samples(A)",
        "",
        "None",
    ),
    _estimator(
        "ensemble.StackingClassifier",
        "ensemble.StackingClassifier([('a', tree.DecisionTreeClassifier(random_state=0)), ('b', naive_bayes.GaussianNB())], cv=2)",
        PROBABILITY,
    ),
    _estimator("svm.SVC", "svm.SVC(kernel='rbf')", "x.decision_function(A)"),
    _estimator(
        "linear_model.SGDClassifier",
        "linear_model.SGDClassifier(random_state=0)",
        "x.partial_fit(B, labels).decision_function(A)",
    ),
    _estimator("linear_model.LassoCV", "linear_model.LassoCV(cv=3)", PREDICT, "", "target"),
    _estimator(
        "gaussian_process.GaussianProcessRegressor",
        "gaussian_process.GaussianProcessRegressor(random_state=0)",
        "x.sample_y(A[:2], random_state=1)",
        "",
        "target",
    ),
    _estimator("cluster.DBSCAN", "cluster.DBSCAN(eps=0.3)", "x.labels_", "", "None"),
    _estimator("cluster.AgglomerativeClustering", "cluster.AgglomerativeClustering(3)", "x.labels_", "", "None"),
    _estimator("cluster.HDBSCAN", "cluster.HDBSCAN(min_cluster_size=3, copy=True)", "x.labels_", "", "None"),
    _estimator("decomposition.PCA", "decomposition.PCA(2)", TRANSFORM, "", "None"),
    _estimator("decomposition.NMF", "decomposition.NMF(2, random_state=0, max_iter=500)", TRANSFORM, "", "None"),
    _estimator(
        "model_selection.GridSearchCV",
        "model_selection.GridSearchCV(linear_model.Ridge(), {'alpha': [0.1, 1.0]}, cv=3)",
        "(x.best_params_, x.predict(A))",
        "",
        "target",
    ),
    _estimator(
        "neighbors.KDTree (in NearestNeighbors)",
        "neighbors.NearestNeighbors(n_neighbors=3, algorithm='kd_tree')",
        "x.kneighbors(A[:3])",
        "",
        "None",
    ),
    Case("sklearn.neighbors.BallTree", "x = neighbors.BallTree(A)", "x = neighbors.BallTree(B)", "x.query(A[:2], k=2)"),
    Case(
        "sklearn.feature_extraction.text.TfidfVectorizer",
        "x = feature_extraction.text.TfidfVectorizer().fit(texts)",
        "x.fit(texts[:2])",
        "x.transform(texts).toarray()",
    ),
    _estimator(
        "preprocessing.StandardScaler", "preprocessing.StandardScaler()", "x.partial_fit(B).transform(A)", "", "None"
    ),
    Case(
        "sklearn.preprocessing.LabelEncoder",
        "x = preprocessing.LabelEncoder().fit(['b', 'a'])",
        "x.fit(['c', 'a'])",
        "x.transform(['a'])",
    ),
    _estimator(
        "preprocessing.FunctionTransformer", "preprocessing.FunctionTransformer(lambda v: v + 1)", TRANSFORM, "", "None"
    ),
    _estimator(
        "calibration.CalibratedClassifierCV",
        "calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=2)",
        PROBABILITY,
    ),
    _estimator(
        "isotonic.IsotonicRegression (in a pipeline)",
        "pipeline.make_pipeline(decomposition.PCA(1), isotonic.IsotonicRegression(out_of_bounds='clip'))",
        PREDICT,
        "",
        "target",
    ),
    _estimator(
        "multioutput.MultiOutputClassifier",
        "multioutput.MultiOutputClassifier(tree.DecisionTreeClassifier(random_state=0))",
        PREDICT,
        "",
        "np.c_[labels, three]",
    ),
    Case(
        "sklearn.model_selection.StratifiedKFold",
        "x = model_selection.StratifiedKFold(2, shuffle=True, random_state=np.random.RandomState(1))",
        "list(x.split(A, labels))",
        "[test.tolist() for _, test in x.split(A, labels)]",
    ),
    _estimator(
        "tree.Tree (of a DecisionTreeRegressor)",
        "tree.DecisionTreeRegressor(max_depth=3, random_state=0)",
        "x.tree_.predict(A.astype('f4'))",
        "",
        "target",
    ),
    Case(
        "sklearn.manifold.TSNE",
        "x = manifold.TSNE(perplexity=5, max_iter=250, random_state=0, init='random').fit(A)",
        "x.fit(B)",
        "x.embedding_.shape",
    ),
)

FAMILIES = (Family("sklearn", "scikit-learn", SETUP, LISTED + FURTHER),)
