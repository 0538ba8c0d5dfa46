"""Credentials in objects of the standard library and of libraries are not stored, and that is said; users' data is."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.codec.reducers import concealing, secrets

SECRET = "Zq9" + "XYpw" + "SeCrEt77"
HIDDEN = {
    "a request with a header": (
        (
            "import urllib.request as u\n"
            "x = u.Request('http://h', headers={'Authorization': 'Bearer ' + pw, 'Accept': 'a'})"
        ),
        "(x.headers['Authorization'], x.headers['Accept'])",
    ),
    "passwords by address": (
        "import urllib.request as u\nx = u.HTTPPasswordMgr(); x.add_password('r', 'http://h', 'u', pw)",
        "x.find_user_password('r', 'http://h')",
    ),
    "an opener that logs in": (
        (
            "import urllib.request as u\nm = u.HTTPPasswordMgr(); m.add_password('r', 'http://h', 'u', pw)\n"
            "x = u.build_opener(u.HTTPBasicAuthHandler(m)); del m"
        ),
        "type(x).__name__",
    ),
    "logins of hosts": (
        (
            "import netrc, pathlib\n_ = pathlib.Path('logins').write_text('machine h login u password ' + pw)\n"
            "x = netrc.netrc('logins')"
        ),
        "x.hosts['h'][2]",
    ),
    "a connection for mail": (
        "import smtplib\nx = smtplib.SMTP(); x.user = 'u'; x.password = pw",
        "(x.user, x.password)",
    ),
    "a connection through a proxy": (
        (
            "import http.client\n"
            "x = http.client.HTTPConnection('h'); x.set_tunnel('z', headers={'Proxy-Authorization': pw})"
        ),
        "x._tunnel_headers['Proxy-Authorization']",
    ),
    "a handler that mails": (
        "import logging.handlers\nx = {'h': logging.handlers.SMTPHandler('h', 'a', ['b'], 's', ('u', pw))}",
        "x['h'].password",
    ),
}
SHOWN = {
    "a plain dict": ("x = {'API_KEY': pw, 'password': pw}", "x['password']"),
    "an instance of a class of the session": ("class C: pass\nx = C(); x.password = pw", "x.password"),
    "arguments of a program": ("import argparse\nx = argparse.Namespace(password=pw)", "x.password"),
    "a container of the standard library": ("import collections\nx = collections.UserDict(token=pw)", "x['token']"),
}


def _attach(folder: Path) -> Any:
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    return timeslip.attach(namespace, store=folder / "store", name="n", min_free_bytes=0)


def _recorded(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session with what *code* makes. The secret is in no cell of it, nor under a name."""
    monkeypatch.chdir(folder)
    session = _attach(folder)
    monkeypatch.setattr(builtins, "pw", SECRET, raising=False)
    session.run(code)
    return session


def _in_new_kernel(folder: Path, probe: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """What *probe* gives where nobody remembers the secret, and what is said of ``x``."""
    monkeypatch.setattr(secrets, "_known", {})
    with _attach(folder) as again:
        result = again.resume()
        again.run(f"found = {probe}")
        return again._live.namespace.globals["found"], result


@pytest.mark.parametrize("case", HIDDEN)
def test_what_proves_who_one_is_is_left_out(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, probe = HIDDEN[case]
    with _recorded(tmp_path, code, monkeypatch) as session:
        assert "without its key or password" in dict(session.log()[0].names.inexact)["x"]
        session.run(f"there = {probe}; n = 1")
        there = session._live.namespace.globals["there"]
        session.run("del x")
        session.undo()
        session.run(f"assert {probe} == there")  # as long as the process lives it is known
        session.run("del there")
    found, result = _in_new_kernel(tmp_path, probe, monkeypatch)
    assert SECRET not in repr(found)
    assert result.fidelity["x"] == "rebuilt"
    assert (SECRET in repr(there)) == (secrets.NOT_STORED in repr(found))


@pytest.mark.parametrize("case", SHOWN)
def test_data_of_the_user_is_stored_as_it_is(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, probe = SHOWN[case]
    with _recorded(tmp_path, code, monkeypatch) as session:
        assert dict(session.log()[0].names.inexact) == {}
    found, result = _in_new_kernel(tmp_path, probe, monkeypatch)
    assert (found, result.fidelity["x"]) == (SECRET, "exact")


def test_secrets_of_pydantic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pydantic")
    code = "import pydantic\nclass M(pydantic.BaseModel):\n    k: pydantic.SecretStr\nx = M(k=pw)"
    with _recorded(tmp_path, code, monkeypatch) as session:
        assert "without its key or password" in dict(session.log()[0].names.inexact)["x"]
    found, _ = _in_new_kernel(tmp_path, "x.k.get_secret_value()", monkeypatch)
    assert found == secrets.NOT_STORED


@pytest.mark.parametrize(
    "name", ["password", "_password", "passwd", "client_secret", "_secret_value", "api_key", "access_token", "apikey"]
)
def test_names_of_credentials(name: str) -> None:
    assert concealing.is_credential(name)


@pytest.mark.parametrize("name", ["token_pattern", "pad_token", "_eos_token", "tokens", "tokenizer", "keys", "key"])
def test_names_of_other_things(name: str) -> None:
    assert not concealing.is_credential(name)
