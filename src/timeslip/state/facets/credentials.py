"""Which environment variables look like credentials. In doubt they do: a value left out is told, a leak is final."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

_NAME = re.compile(
    r"KEY|TOKEN(?!I[SZ])|SECRET|PASS|PWD|CREDENTIAL|AUTH(?!ORS?(_|$))|COOKIE|SESSION|CERT|PRIVATE|DSN|BEARER|JWT|SIGNATURE"
    r"|CONNECTION_?STRING|CONN_?STR|LOGIN|^(AWS|AZURE|ARM|DOCKER_CONFIG|KUBECONFIG|NETRC|PGPASS|VAULT|GPG|OP)(_|$)",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"://\S*@"  # a URL with user, or user and password
    r"|\b(sk|pk|rk)[-_][A-Za-z0-9]|\bgh[pousr]_|\bgithub_pat_|\bglpat-|\bgl[a-z]{2,4}-[A-Za-z0-9_-]{15}|\bhf_[A-Za-z0-9]"
    r"|\bxox[a-z]-|\beyJ[A-Za-z0-9_-]{6}|\bAKIA[0-9A-Z]|\bASIA[0-9A-Z]{12}|\bAIza[0-9A-Za-z_-]{10}|\bya29\.|\bnpm_|\bpypi-"
    r"|\bdckr_pat_|\bSG\.[A-Za-z0-9_-]{10}|\bdop_v1_|\bshp[a-z]{2}_|-----BEGIN|\bage-secret-key-"
    r"|\b(bearer|basic)\s+\S{6}"
    r"|(password|passwd|pwd|passphrase|secret|token|api[_-]?key|account_?key|access_?key|signature|credential)s?"
    r"[\"']?\s*[:=]",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z0-9+/=_.~-]{20,}")
_PART = re.compile(r"[A-Za-z0-9+=]{20,}")
_HEX = re.compile(r"(?i)[0-9a-f]{24,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def name_looks_secret(name: str) -> bool:
    """Whether a variable of that name is likely to hold a credential."""
    return _NAME.search(name) is not None


def value_has_known_form(value: str) -> bool:
    """Whether a value holds a URL with a user, ``password=``, or a token of a well-known form."""
    return _VALUE.search(value) is not None


def value_looks_secret(value: str) -> bool:
    """Whether a value is, or holds, something like a credential: a known form, or a long string without pattern."""
    if value_has_known_form(value) or _HEX.search(value):
        return True
    pieces = _WORD.findall(value) + _PART.findall(value)  # a token may stand alone, or be one part of a path
    return any(map(_is_random, pieces))


def _is_random(piece: str) -> bool:
    """Digits, capitals and small letters mixed as no name mixes them, with hardly a character twice in a row."""
    switches = sum(bool(_kind(a) and _kind(b) and _kind(a) != _kind(b)) for a, b in pairwise(piece))
    counts = Counter(piece)
    entropy = -sum(n / len(piece) * math.log2(n / len(piece)) for n in counts.values())
    has_digit = any(c.isdigit() for c in piece)
    return has_digit and switches >= len(piece) // 4 and entropy >= min(3.3, 0.7 * math.log2(len(piece)))


def _kind(character: str) -> int:
    """0 for a separator: names of files and runs switch at those, tokens everywhere."""
    return 1 if character.isdigit() else 2 if character.isupper() else 3 if character.islower() else 0
