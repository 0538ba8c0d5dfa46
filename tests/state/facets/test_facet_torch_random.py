"""The torch facet: against a small stand-in always, against torch itself where it is installed."""

from __future__ import annotations

import ctypes
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from timeslip.errors import FacetError
from timeslip.state.facets import REGISTRY


class Tensor:
    """A byte tensor in main memory."""

    def __init__(self, data: bytes) -> None:
        self.buffer = ctypes.create_string_buffer(data, len(data))

    def data_ptr(self) -> int:
        return ctypes.addressof(self.buffer)

    def numel(self) -> int:
        return len(self.buffer)

    def clone(self) -> Tensor:
        return Tensor(bytes(self.buffer))


class StandIn(ModuleType):
    """What the facet uses of torch."""

    uint8 = "uint8"

    def __init__(self, devices: int) -> None:
        super().__init__("torch")
        self.state = Tensor(b"\x00cpu")
        self.devices = [Tensor(b"\x00cuda%d" % n) for n in range(devices)]
        self.initialised = False
        self.cuda = SimpleNamespace(
            is_initialized=lambda: self.initialised,
            device_count=lambda: len(self.devices),
            get_rng_state_all=lambda: [state.clone() for state in self.devices],
            set_rng_state=lambda state, device: self.devices.__setitem__(device, state),
        )

    def get_rng_state(self) -> Tensor:
        return self.state.clone()

    def set_rng_state(self, state: Tensor) -> None:
        self.state = state

    def frombuffer(self, data: bytearray, dtype: object) -> Tensor:
        assert dtype == "uint8"
        return Tensor(bytes(data))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    module = StandIn(devices=2)
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


def test_processor(stand_in: StandIn) -> None:
    facet = REGISTRY["torch_random"]()
    data = facet.capture()
    assert facet.capture() is data
    stand_in.set_rng_state(Tensor(b"\x01xyz"))
    assert facet.capture() != data
    facet.restore(data)
    assert bytes(stand_in.state.buffer) == b"\x00cpu"
    assert facet.capture() == data


def test_devices_once_cuda_is_in_use(stand_in: StandIn) -> None:
    facet = REGISTRY["torch_random"]()
    assert b'"cuda":[]' in facet.capture()
    stand_in.initialised = True
    data = facet.capture()
    stand_in.devices[1] = Tensor(b"\x09moved")
    assert facet.capture() != data
    facet.restore(data)
    assert bytes(stand_in.devices[1].buffer) == b"\x00cuda1"


def test_fewer_devices_than_recorded(stand_in: StandIn) -> None:
    stand_in.initialised = True
    facet = REGISTRY["torch_random"]()
    data = facet.capture()
    del stand_in.devices[1]
    stand_in.devices[0] = Tensor(b"\x09moved")
    with pytest.raises(FacetError, match="2 CUDA generators were recorded, but there are 1"):
        facet.restore(data)
    assert bytes(stand_in.devices[0].buffer) == b"\x00cuda0"


def test_half_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    assert not REGISTRY["torch_random"]().available()


def test_torch_itself() -> None:
    torch: Any = pytest.importorskip("torch")
    facet = REGISTRY["torch_random"]()
    torch.manual_seed(1)
    torch.rand(3)
    data = facet.capture()
    expected = torch.rand(4).tolist()
    facet.restore(data)
    assert facet.capture() == data
    assert torch.rand(4).tolist() == expected
