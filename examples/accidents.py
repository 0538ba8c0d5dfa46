"""Five accidents in examples/accidents.ipynb, and the way back from each. Played by `make demo` (scripts/demo.py)."""

from __future__ import annotations

from typing import Any


def play(stage: Any) -> None:
    """Run the notebook, and go wrong in five places."""
    stage.cells(until="describe")
    clean = stage.last_run()  # something like In[6]: the state just after this cell
    stage.accident(
        "A wrong fill, noticed three cells later",
        "Gaps become zeros, in place, in the whole frame; the next cells work on with them.",
        runs=["df.fillna(0, inplace=True)", "low = df['mean_texture'].min()", "means = df.mean()"],
        shows="int((df['mean_texture'] == 0).sum())",
        back=f"%timeslip checkout {clean}",
    )

    stage.cells(until="features")
    stage.accident(
        "Columns are dropped in place",
        "One cell too many, and the frame has lost columns that took work to make.",
        runs=["df.drop(columns=['worst_area', 'roughness'], inplace=True)"],
        shows="df.shape",
        back="%undo",
    )

    stage.cells(until="split")
    before_sort = stage.last_run()
    stage.accident(
        "A list is sorted in place, and good work is done after it",
        "visits[i] belongs to row i of the frame; after sort() it does not. Only the list should go back.",
        runs=["visits.sort()", "test_share = len(X_test) / len(df)"],
        shows="visits[:2]",
        back=f"%timeslip checkout {before_sort} -- visits",
        only=["visits"],
    )

    stage.cells(until="confusion")
    good_model = stage.last_run()
    stage.accident(
        "A model is overwritten by a worse one",
        "The new one may stay; the old one is wanted beside it.",
        runs=[
            "from sklearn.tree import DecisionTreeClassifier",
            "model = DecisionTreeClassifier(max_depth=1).fit(X_train, y_train)",
        ],
        shows="(type(model).__name__, round(model.score(X_test, y_test), 3))",
        back=f"%timeslip get {good_model} model --as good_model",
        beside={"good_model": "model"},
    )

    stage.cells()
    stage.crash(
        "The kernel is killed",
        "kill -9 in the middle of a cell; a new kernel starts with an empty namespace.",
        during="import time\nfor step in range(1000):\n    time.sleep(0.1)",
        back="%timeslip resume",
    )
