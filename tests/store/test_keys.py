from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from timeslip.errors import StoreError, StoreReadOnlyError
from timeslip.store.keys import Key, KeyRing, default_key_file, read_key


def test_key_is_made_once_private_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "config" / "key"
    first = KeyRing.load(path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700
    again = KeyRing.load(path)
    assert first.own is not None
    assert again.own is not None
    assert first.own.id == again.own.id
    assert os.listdir(path.parent) == ["key"]


def test_many_processes_making_the_key_agree(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from timeslip.store.keys import KeyRing\n"
        f"print(KeyRing.load(Path({str(tmp_path / 'c' / 'key')!r})).own.id.hex())"
    )
    children = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = {child.communicate(timeout=60)[0] for child in children}
    assert len(answers) == 1
    assert answers != {""}


def test_environment_overrides_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIMESLIP_KEY_FILE", str(tmp_path / "mine"))
    assert default_key_file() == tmp_path / "mine"
    monkeypatch.delenv("TIMESLIP_KEY_FILE")
    assert default_key_file().name == "key"


def test_mac_depends_on_everything_signed() -> None:
    key, other = Key(b"a" * 32), Key(b"b" * 32)
    mac = key.mac(b"value", b"i" * 32, b"body")
    assert key.verifies(mac, b"value", b"i" * 32, b"body")
    assert not other.verifies(mac, b"value", b"i" * 32, b"body")
    assert not key.verifies(mac, b"text", b"i" * 32, b"body")
    assert not key.verifies(mac, b"value", b"j" * 32, b"body")
    assert not key.verifies(mac, b"value", b"i" * 32, b"bodY")
    assert not key.verifies(b"", b"value", b"i" * 32, b"body")


def test_key_never_shows_its_secret() -> None:
    assert b"a".hex() * 32 not in repr(Key(b"a" * 32))


def test_trusted_keys_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "key"
    KeyRing.load(path).trust_key(Key(b"x" * 32))
    assert KeyRing.load(path).find(Key(b"x" * 32).id) is not None
    assert KeyRing.load(path).find(Key(b"y" * 32).id) is None


def test_what_is_not_a_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"short")
    with pytest.raises(StoreError, match="not a key"):
        KeyRing.load(path)
    assert path.read_bytes() == b"short"
    assert read_key(tmp_path / "none") is None


def test_key_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreReadOnlyError, match="cannot be written"):
        KeyRing.load(tmp_path / "file" / "below" / "key")


def test_open_key_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "key"
    KeyRing.load(path)
    assert KeyRing.load(path).notices == ()
    path.chmod(0o644)
    assert "chmod 600" in KeyRing.load(path).notices[0]
