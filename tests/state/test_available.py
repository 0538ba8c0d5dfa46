"""What memory there is, of the system and of the container."""

from __future__ import annotations

import sys

import pytest

from timeslip.state import available

GROUP_2 = {
    "/proc/meminfo": b"MemTotal: 9000000 kB\nMemFree: 100 kB\nMemAvailable:    8000000 kB\n",
    "/proc/self/cgroup": b"0::/pods/one\n",
    "/sys/fs/cgroup/pods/one/memory.max": b"max\n",
    "/sys/fs/cgroup/pods/one/memory.current": b"1000\n",
    "/sys/fs/cgroup/pods/memory.max": b"4000000\n",
    "/sys/fs/cgroup/pods/memory.current": b"3000000\n",
    "/sys/fs/cgroup/pods/memory.stat": b"anon 7\ninactive_file 500000\n",
}
GROUP_1 = {
    "/proc/meminfo": b"MemAvailable:    8000000 kB\n",
    "/proc/self/cgroup": b"3:cpu,memory:/docker/x\n2:pids:/docker/x\n",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": b"2000000\n",
    "/sys/fs/cgroup/memory/memory.usage_in_bytes": b"1500000\n",
    "/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": b"9223372036854771712\n",
    "/sys/fs/cgroup/memory/docker/x/memory.usage_in_bytes": b"1000\n",
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (GROUP_2, 1_500_000),
        (GROUP_1, 500_000),
        ({"/proc/meminfo": GROUP_1["/proc/meminfo"]}, 8_000_000 << 10),
        ({**GROUP_2, "/sys/fs/cgroup/pods/memory.current": b"9000000\n"}, 0),
        ({**GROUP_2, "/proc/meminfo": b"MemAvailable: 1000 kB\n"}, 1000 << 10),
        ({}, None),
    ],
)
def test_the_least_counts(files: dict[str, bytes], expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "_read", files.get)
    assert available.available_bytes() == expected


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say")
def test_this_system() -> None:
    assert available.available_bytes() is not None
    found = available.resident_bytes()
    assert found is not None
    assert found > 5 << 20
