"""The workloads, with their sizes at scale 1. A scale below 1 makes data and loops smaller, not the steps fewer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.sessions.steps import Script, Workload
from notebook_sources import SOURCES, NotAvailableError, cells_of, fetch

TINY = "k = 1"

NOTEBOOKS = {
    "nb_networkx": ("networkx", "examples/graph/plot_degree_sequence.py"),
    "nb_lmfit": ("lmfit", "examples/example_fit_multi_datasets.py"),
    "nb_seaborn": ("seaborn", "doc/_tutorial/aesthetics.ipynb"),
}
"""Three that need no download of data: name here, and project and path in `notebook_sources`."""


def df_columns(scale: float) -> Workload:
    """A frame of 20 columns of floats: read, add, drop, change a column, change a value."""
    rows = max(2_000, int(6_000_000 * scale))
    script = Script()
    script.cell("import", "import numpy as np, pandas as pd")
    first = script.cell(
        "build the frame",
        f"df = pd.DataFrame(np.random.default_rng(0).standard_normal(({rows}, 20)),"
        " columns=[f'c{i}' for i in range(20)])",
    )
    script.cell("only read", "mean = float(df['c3'].mean())")
    script.cell("tiny cell", TINY)
    script.cell("add a column", "df['n1'] = df['c1'] * 2")
    script.cell("only read", "most = float(df['n1'].max())")
    script.cell("drop a column", "df = df.drop(columns=['c5'])")
    script.cell("only read", "told = df[['c1', 'c2']].describe()")
    script.cell("change a column", "df['c7'] = df['c7'] * 1.5")
    script.cell("change one value", "df.iloc[5, 3] = 7.0")
    script.cell("tiny cell", "k = 2")
    script.cell("add a column", "df['n2'] = df['c2'] + df['c3']")
    script.cell("only read", "value = float(df.iloc[5, 3])")
    script.cell("add a column", "df['n3'] = df['c4'] - 1")
    script.cell("change a column", "df['c8'] = -df['c8']")
    last = script.cell("change one value", "df.iat[1000, 4] = 3.0")
    script.undo("undo of one value")
    script.undo("undo of a changed column")
    script.undo("undo of an added column")
    script.redo("redo of an added column")
    script.redo("redo of a changed column")
    script.redo("redo of one value")
    script.checkout("checkout of the first state", first)
    script.checkout("checkout of the last state", last)
    probe = "repr((list(df.columns), float(df.iloc[5, 3]), float(df.iat[1000, 4]), float(df['c8'].sum())))"
    return Workload("df_columns", f"DataFrame of 20 columns of floats, {rows:,} rows", tuple(script.steps), probe)


def _items(name: str, says: str, count: int, build: str, read: str, change: str, grow: str, probe: str) -> Workload:
    script = Script()
    first = script.cell("build the list", build.format(n=count))
    script.cell("tiny cell", TINY)
    script.cell("only read", read)
    script.cell("tiny cell", "k = 2")
    script.cell("change one element", change.format(at=count // 2, to="changed"))
    script.cell("only read", read)
    script.cell("insert at the front", grow)
    last = script.cell("change one element", change.format(at=count // 3, to="changed, too"))
    script.undo("undo of one element")
    script.redo("redo of one element")
    script.checkout("checkout of the first state", first)
    script.checkout("checkout of the last state", last)
    return Workload(name, says, tuple(script.steps), probe)


def many_objects(scale: float) -> Workload:
    """A list of a million dicts."""
    count = max(1_000, int(1_000_000 * scale))
    return _items(
        "many_objects",
        f"list of {count:,} dicts of two entries",
        count,
        "items = [{{'id': i, 'name': f'n{{i}}'}} for i in range({n})]",
        "total = sum(item['id'] for item in items)",
        "items[{at}]['name'] = {to!r}",
        "items.insert(0, {'id': -1, 'name': 'first'})",
        "repr((len(items), [i for i in items if i['id'] < 0 or not i['name'].startswith('n')]))",
    )


def many_strings(scale: float) -> Workload:
    """A list of a million strings."""
    count = max(1_000, int(1_000_000 * scale))
    return _items(
        "many_strings",
        f"list of {count:,} strings",
        count,
        "texts = [f'text {{i}}' for i in range({n})]",
        "total = sum(len(text) for text in texts)",
        "texts[{at}] = {to!r}",
        "texts.insert(0, 'first')",
        "repr((len(texts), [t for t in texts if not t.startswith('text')]))",
    )


def hot_loop(scale: float) -> Workload:
    """Code of users that runs long: what recording does to its speed."""
    count = max(10_000, int(10_000_000 * scale))
    side = max(100, int(1_500 * scale ** (1 / 3)))
    script = Script()
    script.cell(
        "define", "import numpy as np\nSTEP = 1\ndef work(n):\n    s = 0\n    for _ in range(n):\n        s += STEP"
    )
    script.cell(
        "define",
        "class Counter:\n    def __init__(self): self.n = 0\n    def step(self): self.n += STEP\n"
        "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\ncounter = Counter()",
    )
    script.cell("top-level loop", f"s = 0\nfor i in range({count}):\n    s += i")
    script.cell("function reading globals", f"work({count})")
    script.cell("method calls", f"for i in range({count // 2}):\n    counter.step()")
    script.cell("comprehension", f"squares = sum([i * i for i in range({count})])")
    depth = next(n for n in range(15, 40) if 1.618**n > count / 4)
    script.cell("recursion", f"value = fib({depth})")
    script.cell(
        "matrix product", f"m = np.random.default_rng(0).random(({side}, {side}))\nfor _ in range(5):\n    p = m @ m"
    )
    return Workload("hot_loop", f"loops of {count:,} iterations, a product of matrices", tuple(script.steps), "repr(s)")


def ml(scale: float) -> Workload:
    """Classification: data, split, scale, two models, predictions, a figure."""
    rows = max(2_000, int(200_000 * scale))
    script = Script()
    cells = (
        "import numpy as np, pandas as pd",
        "import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt",
        (
            "from sklearn.datasets import make_classification\nfrom sklearn.model_selection import train_test_split\n"
            "from sklearn.preprocessing import StandardScaler\nfrom sklearn.linear_model import LogisticRegression\n"
            "from sklearn.ensemble import RandomForestClassifier\nfrom sklearn.metrics import accuracy_score"
        ),
        f"X, y = make_classification(n_samples={rows}, n_features=50, n_informative=20, random_state=0)",
        "shape = X.shape, y.mean()",
        "df = pd.DataFrame(X, columns=[f'f{i}' for i in range(50)]); df['y'] = y",
        "told = df[['f0', 'f1', 'f2']].describe()",
        "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)",
        "scaler = StandardScaler().fit(X_train)",
        "X_train = scaler.transform(X_train); X_test = scaler.transform(X_test)",
        "scores = {}",
        "logistic = LogisticRegression(max_iter=200).fit(X_train, y_train)",
        "predicted = logistic.predict(X_test)",
        "scores['logistic'] = accuracy_score(y_test, predicted)",
        "forest = RandomForestClassifier(n_estimators=20, max_depth=8, random_state=0).fit(X_train, y_train)",
        "predicted = forest.predict(X_test)",
        "scores['forest'] = accuracy_score(y_test, predicted)",
        "importance = pd.Series(forest.feature_importances_).sort_values()",
        "fig, ax = plt.subplots(); ax.bar(list(scores), list(scores.values())); plt.close(fig)",
        "best = max(scores, key=scores.get)",
    )
    numbers = [script.cell("cell", code) for code in cells]
    script.undo("undo")
    script.undo("undo")
    script.redo("redo")
    script.checkout("checkout of an early state", numbers[7])
    script.checkout("checkout of the last state", numbers[-1])
    probe = "repr((sorted(scores), float(X_test[0, 0]))) if 'scores' in globals() else repr(float(X_test[0, 0]))"
    return Workload("ml", f"{rows:,} x 50 values, two models", tuple(script.steps), probe)


def branching(scale: float) -> Workload:
    """One data set, three branches of models, twelve switches among them."""
    rows = max(2_000, int(100_000 * scale))
    script = Script()
    script.cell(
        "import",
        "import numpy as np\nfrom sklearn.linear_model import Ridge\nfrom sklearn.tree import DecisionTreeRegressor",
    )
    base = script.cell("build the data", f"X = np.random.default_rng(0).random(({rows}, 20)); y = X @ np.arange(20.0)")
    tips = []
    for number, model in enumerate(
        ("Ridge()", "DecisionTreeRegressor(max_depth=6)", "DecisionTreeRegressor(max_depth=10)")
    ):
        if number:
            script.checkout("switch to the base", base)
        script.cell("fit", f"scaled = (X - X.mean()) * {number + 1}\nmodel = {model}.fit(scaled, y)")
        script.cell("predict", "predicted = model.predict(scaled)")
        tips.append(script.cell("score", f"score = {number}, float(((predicted - y) ** 2).mean())"))
    for number in range(12):
        script.checkout("switch", tips[number % 3])
    probe = "repr((score[0], float(scaled[0, 0]))) if 'score' in globals() else 'base'"
    return Workload("branching", f"{rows:,} x 20 values, three branches", tuple(script.steps), probe)


def many_cells(scale: float) -> Workload:
    """Five hundred tiny cells."""
    count = max(60, int(500 * scale))
    script = Script()
    script.cell("define", "things = []\ndef f(x): return x + 1")
    for number in range(count):
        part = f"cells to {min(count, (number // 50 + 1) * 50)}"
        last = script.cell(part, f"things.append({number})" if number % 10 == 0 else f"v{number % 40} = f({number})")
    script.undo("undo")
    script.redo("redo")
    script.checkout("checkout of the first state", 0)
    script.checkout("checkout of the last state", last)
    probe = "repr((things, sorted(n for n in globals() if n.startswith('v'))))"
    return Workload("many_cells", f"{count} tiny cells", tuple(script.steps), probe)


def rewrites(scale: float) -> Workload:
    """An array of a gigabyte that each cell rewrites: the most that a cell can change."""
    count = max(200_000, int(125_000_000 * scale))
    script = Script()
    script.cell("import", "import numpy as np")
    script.cell("build the array", f"a = np.random.default_rng(0).random({count})")
    script.cell("first rewrite", "a += 1")
    for _ in range(3):
        last = script.cell("later rewrite", "a += 1")
    script.undo("undo of a rewrite")
    script.redo("redo of a rewrite")
    script.checkout("checkout of the last state", last)
    return Workload("rewrites", f"array of {count:,} floats", tuple(script.steps), "repr(float(a[0]))")


def notebook(name: str, cache: Path) -> Workload:
    """One that other people wrote, all cells and some travels.

    Raises:
        NotAvailableError: it cannot be had here.
    """
    project, path = NOTEBOOKS[name]
    source = next(source for source in SOURCES if source.project == project)
    found = fetch(source, cache) / path
    if not found.is_file():
        raise NotAvailableError(f"{project}: its source distribution has no {path}")
    script = Script()
    numbers = [script.cell("cell", code) for code in cells_of(found)]
    script.undo("undo")
    script.redo("redo")
    script.checkout("checkout of the middle", numbers[len(numbers) // 2])
    script.checkout("checkout of the last state", numbers[-1])
    probe = "repr(sorted((n, type(v).__name__) for n, v in globals().items() if not n.startswith('_') and n != 'open'))"
    needs = (project, *source.needs)
    return Workload(
        name, f"{project}, {Path(path).stem}, {len(numbers)} cells", tuple(script.steps), probe, found.parent, needs
    )


MADE: dict[str, Callable[[float], Workload]] = {
    made.__name__: made
    for made in (df_columns, many_objects, many_strings, hot_loop, ml, branching, many_cells, rewrites)
}
NAMES = (*MADE, *NOTEBOOKS)


def workload(name: str, scale: float, cache: Path) -> Workload:
    """The one with that name. Notebooks are what they are, whatever the scale.

    Raises:
        NotAvailableError: a notebook that cannot be had here.
    """
    return MADE[name](scale) if name in MADE else notebook(name, cache)
