"""OpenCV: key points, matches, and what is no more than its settings; the library pickles none of them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import added

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_KEY_POINT = ("pt", "size", "angle", "response", "octave", "class_id")
_MATCH = ("queryIdx", "trainIdx", "imgIdx", "distance")
_FILTER = (
    "statePre",
    "statePost",
    "transitionMatrix",
    "controlMatrix",
    "measurementMatrix",
    "processNoiseCov",
    "measurementNoiseCov",
    "errorCovPre",
    "gain",
    "errorCovPost",
)
_ORB = (
    "MaxFeatures",
    "ScaleFactor",
    "NLevels",
    "EdgeThreshold",
    "FirstLevel",
    "WTA_K",
    "ScoreType",
    "PatchSize",
    "FastThreshold",
)
"""Settings of a detector, in the order of the arguments that one is made with."""


def _by_fields(*names: str) -> Any:
    def reduce(state: Pass, obj: Any) -> Any:
        return make_plain, (type(obj), tuple((name, getattr(obj, name)) for name in names))

    return reduce


def make_plain(kind: Any, fields: tuple[tuple[str, Any], ...]) -> Any:
    """A key point or a match."""
    made = kind()
    for name, value in fields:
        setattr(made, name, value)
    return made


def _kalman(state: Pass, held: Any) -> Any:
    matrices = {name: getattr(held, name) for name in _FILTER}
    state.keep.append(matrices)  # the library gives a copy each time
    return make_kalman, (matrices,)


def make_kalman(matrices: dict[str, Any]) -> Any:
    """A Kalman filter with these matrices."""
    cv2 = import_module("cv2")
    control = matrices["controlMatrix"]
    kind = cv2.CV_64F if matrices["statePre"].dtype == "float64" else cv2.CV_32F
    sizes = len(matrices["statePre"]), len(matrices["measurementMatrix"]), 0 if control is None else control.shape[1]
    made = cv2.KalmanFilter(*sizes, kind)
    for name, value in matrices.items():
        if value is not None:
            setattr(made, name, value)
    return made


def _orb(state: Pass, held: Any) -> Any:
    return make_with, ("ORB_create", tuple(getattr(held, f"get{name}")() for name in _ORB))


def _equalizer(state: Pass, held: Any) -> Any:
    return make_with, ("createCLAHE", (held.getClipLimit(), held.getTilesGridSize()))


def make_with(function: str, settings: tuple[Any, ...]) -> Any:
    """What a function of the library makes with these settings."""
    return getattr(import_module("cv2"), function)(*settings)


_REDUCERS = {
    "KeyPoint": _by_fields(*_KEY_POINT),
    "DMatch": _by_fields(*_MATCH),
    "KalmanFilter": _kalman,
    "ORB": _orb,
    "CLAHE": _equalizer,
}


def find(kind: type) -> Any:
    """The reducer for objects that can be asked for all that is in them, or None."""
    reducer = _REDUCERS.get(kind.__name__)
    if reducer is None or getattr(sys.modules.get("cv2"), kind.__name__, None) is not kind:
        return None
    return added.keeping(reducer)
