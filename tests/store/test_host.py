from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from timeslip.store import host


def test_own_process_is_alive_and_a_dead_one_is_not() -> None:
    assert host.process_alive(os.getpid(), host.process_start(os.getpid()))
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = host.process_start(child.pid)
    assert host.process_alive(child.pid, started)
    child.communicate(b"\n")
    assert not host.process_alive(child.pid, started)


def test_number_used_again_is_not_the_same_process() -> None:
    started = host.process_start(os.getpid())
    if started is not None:
        assert not host.process_alive(os.getpid(), started - 1)


def test_zombie_is_dead() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    try:
        assert not host.process_alive(pid, None)
    finally:
        os.waitpid(pid, 0)


def test_file_systems_are_told_apart(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    root = os.path.realpath(tmp_path)
    mounts.write_text(
        f"/dev/sda / ext4 rw 0 0\nserver:/x {root}/a\\040b nfs4 rw 0 0\nsshfs {root}/ssh fuse.sshfs rw 0 0\n"
        f"/dev/sdb {root}/a\\040b/local xfs rw 0 0\n/dev/sdc {root}/ntfs fuseblk rw 0 0\n"
    )
    for name in ("a b/deep", "a b/local", "ssh", "ntfs", "a bc"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    assert not host.is_local(tmp_path / "a b" / "deep", str(mounts))
    assert host.is_local(tmp_path / "a b" / "local", str(mounts))
    assert not host.is_local(tmp_path / "ssh", str(mounts))
    assert host.is_local(tmp_path / "ntfs", str(mounts))
    assert host.is_local(tmp_path / "a bc", str(mounts))
    assert host.is_local(tmp_path, str(tmp_path / "no such file"))


def test_locks_exclude_within_one_process_too(tmp_path: Path) -> None:
    one, two = host.FileLock(tmp_path / "lock"), host.FileLock(tmp_path / "lock")
    assert one.shared()
    assert two.shared()
    assert not one.try_exclusive()
    two.release()
    assert one.try_exclusive()
    one.close()
    assert two.try_exclusive()
    two.close()
