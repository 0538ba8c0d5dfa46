"""PySpark: what lives in its Java process is referred to while it is there; it is never fetched to be stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timeslip.codec.hidden import Hidden

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_REASONS = {
    ("pyspark.sql.session", "SparkSession"): "a Spark session cannot be stored",
    ("pyspark.sql.connect.session", "SparkSession"): "a Spark session cannot be stored",
    ("pyspark.core.context", "SparkContext"): "a Spark context cannot be stored",
    ("pyspark.context", "SparkContext"): "a Spark context cannot be stored",
    ("pyspark.sql.dataframe", "DataFrame"): "a frame of Spark belongs to its session",
    ("pyspark.sql.column", "Column"): "a column of Spark belongs to its session",
    ("pyspark.core.rdd", "RDD"): "a collection of Spark belongs to its context",
    ("pyspark.rdd", "RDD"): "a collection of Spark belongs to its context",
    ("pyspark.core.broadcast", "Broadcast"): "a broadcast of Spark belongs to its context",
    ("pyspark.accumulators", "Accumulator"): "an accumulator of Spark belongs to its context",
    ("py4j.java_gateway", "JavaObject"): "an object of a Java process cannot be stored",
    ("py4j.java_gateway", "JavaMember"): "an object of a Java process cannot be stored",
    ("py4j.java_gateway", "JavaClass"): "an object of a Java process cannot be stored",
    ("py4j.java_gateway", "JavaPackage"): "an object of a Java process cannot be stored",
    ("py4j.java_gateway", "JVMView"): "an object of a Java process cannot be stored",
    ("py4j.java_gateway", "JavaGateway"): "a connection to a Java process cannot be stored",
    ("py4j.java_gateway", "GatewayClient"): "a connection to a Java process cannot be stored",
    ("py4j.clientserver", "JavaClient"): "a connection to a Java process cannot be stored",
}


def find(kind: type) -> Any:
    """The reducer for sessions, frames and objects of Java, or None."""
    for base in kind.__mro__:
        reason = _REASONS.get((base.__module__, base.__name__))
        if reason is not None:
            return lambda state, obj, reason=reason: _refer(state, obj, reason)
    return None


def _refer(state: Pass, obj: Any, reason: str) -> Any:
    """A handle: frames are plans that nothing changes, and what Java objects are told is outside the session.

    Only attributes that are there already are looked at: any other name is a question to the Java process.
    """
    held = getattr(obj, "__dict__", {})
    context = held.get("_sc", obj)
    stopped = "_jsc" in getattr(context, "__dict__", {}) and context.__dict__["_jsc"] is None
    return state.hole(obj, reason, Hidden("stopped" if stopped else "", True))
