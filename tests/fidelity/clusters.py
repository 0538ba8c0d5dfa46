"""One session with a cluster, as a program: what is on the cluster is referred to, never fetched.

python -m tests.fidelity.clusters NAME FOLDER          records, uses, undoes, redoes; prints what came back
python -m tests.fidelity.clusters NAME FOLDER resume   the next kernel
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fidelity.recording import attach, fresh, told


@dataclass(frozen=True)
class Cluster:
    """A library that starts one.

    Attributes:
        needs: modules without which there is no test.
        cells: start it and put something there.
        use: a cell that uses it, which is undone.
        probes: expressions that must say the same after undo and redo.
        handles: names of what is on the cluster.
        end: a cell that ends it.
    """

    needs: tuple[str, ...]
    cells: tuple[str, ...]
    use: str
    probes: tuple[str, ...]
    handles: tuple[str, ...]
    end: str


CLUSTERS = {
    "dask": Cluster(
        ("distributed", "dask"),
        (
            (
                "from dask.distributed import LocalCluster, Client\nimport dask.array as da\n"
                "cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)\n"
                "client = Client(cluster)"
            ),
            "fut = client.submit(sum, [1, 2]); _ = fut.result()",
            "arr = da.ones((1000, 1000), chunks=500).persist(); lazy = da.arange(10, chunks=5)",
        ),
        "more = client.submit(sum, [3, 4]); both = [fut, arr]",
        ("fut.result()", "arr.sum().compute() == 1e6", "int(lazy.sum().compute())", "client.status"),
        ("cluster", "client", "fut", "arr"),
        "client.close(); cluster.close()",
    ),
    "ray": Cluster(
        ("ray",),
        (
            "import ray\n_ = ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False); del _",
            "ref = ray.put([1, 2, 3])",
            (
                "@ray.remote\nclass A:\n    def value(self): return 5\na = A.remote()\n"
                "@ray.remote\ndef f(v): return v + 1\nresult = f.remote(1)"
            ),
        ),
        "more = ray.put(5); both = [ref, a]",
        ("ray.get(ref)", "ray.get(a.value.remote())", "ray.get(result)", "ray.get(f.remote(3))"),
        ("ref", "a", "result"),
        "ray.shutdown()",
    ),
    "spark": Cluster(
        ("pyspark",),
        (
            (
                "from pyspark.sql import SparkSession, functions as F\nspark = (SparkSession.builder.master('local[1]')"
                ".config('spark.ui.enabled', 'false').config('spark.sql.shuffle.partitions', '1').getOrCreate())"
            ),
            "df = spark.range(10).withColumn('b', F.col('id') * 2)",
            "cached = df.cache(); n = cached.count(); rows = df.take(2)",
        ),
        "more = df.filter('id > 3'); both = [df]",
        ("df.count()", "cached.filter('b > 4').count()", "[tuple(row) for row in rows]"),
        ("spark", "df", "cached"),
        "spark.stop()",
    ),
}


def record(cluster: Cluster, folder: Path) -> dict[str, Any]:
    """What a session gives while the cluster is there."""
    namespace = fresh()
    session = attach(folder, namespace, "clusters")
    said: dict[str, str] = {}

    def run(cell: str) -> None:
        result = session.run(cell)
        assert result.error is None, f"{cell}: {result.error!r}"
        said.update(result.commit.names.inexact)

    for cell in cluster.cells:
        run(cell)
    told_first = [told(namespace, probe) for probe in cluster.probes]
    run(cluster.use)
    answers: dict[str, Any] = {"said": said, "told": [told_first], "fidelity": []}
    for travel in (session.undo, session.redo):
        result = travel()
        answers["fidelity"].append({name: result.fidelity[name] for name in cluster.handles})
        answers["told"].append([told(namespace, probe) for probe in cluster.probes])
    session.undo()
    session.close()
    exec(cluster.end, namespace)
    return answers


def resume(cluster: Cluster, folder: Path) -> dict[str, Any]:
    """What the next kernel gives, in which there is no cluster."""
    namespace = fresh()
    session = attach(folder, namespace, "clusters")
    result = session.resume(allow_lost=True, replay="never")
    session.close()
    return {"fidelity": {name: result.fidelity[name] for name in cluster.handles}, "notes": result.notes}


def main() -> int:
    """As above."""
    warnings.simplefilter("ignore")
    cluster, folder = CLUSTERS[sys.argv[1]], Path(sys.argv[2])
    answers = resume(cluster, folder) if len(sys.argv) > 3 else record(cluster, folder)
    (folder / "answers.json").write_text(json.dumps(answers), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # what a cluster leaves running in threads is none of the test's business


if __name__ == "__main__":
    sys.exit(main())
