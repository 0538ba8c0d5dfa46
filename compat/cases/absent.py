"""Classes of the published list that cannot be looked at, each with the reason."""

from __future__ import annotations

from compat.case import Absent

ABSENT = (
    Absent(
        "dataprep.datasets",
        ("150",),
        "no release of dataprep installs beside current libraries: it needs pandas<2, numpy<2 and pydantic<2",
    ),
    Absent("dataprep.eda.intermediate.Intermediate", ("151",), "the same"),
    Absent("torchvision.datasets.CIFAR10", ("x2",), "no build of torchvision for the torch without a GPU is available"),
    Absent("torchvision.transforms.Compose", ("x3",), "the same"),
    Absent("torchvision.utils", ("x4",), "the same"),
)
