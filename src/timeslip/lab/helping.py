"""What runs in the process of `timeslip.lab.helper`: one request after the other, by lines of JSON."""

from __future__ import annotations

import select
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from timeslip.ids import SessionId
from timeslip.lab import requests
from timeslip.lab.view import View
from timeslip.standard import json, open_file, os
from timeslip.store.repository import Repository

IDLE = 120.0
"""The process ends when nobody has asked for so long, seconds."""


def main() -> None:
    """Answer until nobody asks any more."""
    if hasattr(os, "fork") and os.fork():
        os._exit(0)
    asked, told = _apart()
    os.write(told, json.dumps({"pid": os.getpid()}).encode() + b"\n")
    directory = Path(os.environ.pop("TIMESLIP_HELPER_STORE"))
    buffer = bytearray()
    while True:
        if not select.select([asked], [], [], IDLE)[0]:
            return
        piece = os.read(asked, 1 << 20)
        if not piece:
            return
        buffer += piece
        while b"\n" in buffer:
            line, _, rest = bytes(buffer).partition(b"\n")
            buffer = bytearray(rest)
            _write(told, json.dumps(_answered(directory, json.loads(line))).encode() + b"\n")


def _apart() -> tuple[int, int]:
    """The two pipes under other numbers, and nothing in their places: code of a value may print and read."""
    asked, told = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nothing, number)
    os.close(nothing)
    for pipe in (asked, told):
        os.set_inheritable(pipe, False)
    sys.stdin = sys.stdout = open_file(os.devnull, "r+", encoding="utf-8")
    return asked, told


def _write(pipe: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(pipe, view) :]


def _answered(directory: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The reply to one request. The store is opened for each: one that is idle keeps nothing of it."""

    def perform(request: Mapping[str, Any]) -> dict[str, Any]:
        with Repository.open(directory, read_only=True) as repository:
            view = View(repository, SessionId(asked["session"]), kernel=asked["kernel"])
            return requests.read(view, request)

    return requests.answered(asked["request"], perform)
