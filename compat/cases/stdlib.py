"""Python itself: entries that the published list files under numpy, and what notebooks hold beside them."""

from __future__ import annotations

from compat.case import Case, Family

LISTED = (
    Case(
        "pickle",
        "x = pickle.loads(pickle.dumps({'a': [1, 2]}))",
        "x['a'].append(3)",
        "sorted(x.items())",
        ("7",),
    ),
    Case("json", "x = json.dumps({'a': 1})", "x = json.dumps({'a': 2})", "json.loads(x)", ("8",)),
    Case("itertools", "x = list(itertools.permutations([1, 2, 3]))", "x.pop()", "len(x)", ("9",)),
    Case(
        "hashlib",
        "x = hashlib.sha256(b'a').digest()",
        "x = hashlib.sha256(x).digest()",
        "x.hex()",
        ("11",),
    ),
    Case("copy", "x = copy.deepcopy([[1], [2]])", "x[0].append(5)", "x[0][-1]", ("14",)),
    Case(
        "ast.UnaryOp",
        "x = ast.parse('-a', mode='eval').body",
        "x.operand.id = 'b'",
        "ast.dump(x)",
        ("15",),
    ),
    Case(
        "dataclasses",
        "@dataclasses.dataclass\nclass Point:\n    left: int\n    right: list\nx = Point(1, [2])",
        "x.left = 7; x.right.append(3)",
        "dataclasses.astuple(dataclasses.replace(x, left=x.left + 1))",
        ("16",),
    ),
    Case("typing", "values: typing.List[int] = [1]\nx = values", "x.append(2)", "sum(x)", ("17",)),
    Case("uuid.UUID", "x = uuid.uuid5(uuid.NAMESPACE_DNS, 'a')", "x = uuid.uuid5(x, 'b')", "x.urn", ("20",)),
    Case(
        "urllib.request.Request",
        "x = urllib.request.Request('http://example.org/a', headers={'A': 'b'})",
        "x.add_header('C', 'd'); x.data = b'1'",
        "(x.get_method(), x.full_url, sorted(x.header_items()))",
        ("21",),
    ),
    Case("datetime.timedelta", "x = datetime.timedelta(days=1)", "x = x * 2", "x.total_seconds()", ("22",)),
    Case(
        "datetime.time",
        "x = datetime.time(1, 2, tzinfo=datetime.timezone.utc)",
        "x = x.replace(hour=5)",
        "x.isoformat()",
        ("23",),
    ),
    Case(
        "random.Random",
        "x = random.Random(3)",
        "x.gauss(0, 1); x.random()",
        "(x.random(), x.gauss(0, 1), x.sample(range(100), 5))",
        ("24",),
    ),
    Case("re.Pattern", "x = re.compile('a(b+)')", "x = re.compile('(b)c', re.I)", "x.findall('abbBC')", ("25",)),
    Case("pathlib.PosixPath", "x = pathlib.Path('/a/b')", "x = x / 'c.txt'", "x.with_suffix('.py')", ("153",)),
)

SETUP = """
import abc, array, ast, asyncio, collections, contextlib, copy, dataclasses, datetime, decimal, enum, fractions
import functools, hashlib, heapq, io, ipaddress, itertools, json, logging, operator, pathlib, pickle, queue, random, re
import string, threading, types, typing, urllib.request, uuid, weakref, zoneinfo
"""

FAMILIES = (Family("stdlib", "", SETUP, LISTED),)
