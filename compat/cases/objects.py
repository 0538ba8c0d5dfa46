"""Graphs, images, documents, databases, clients, records, logs."""

from __future__ import annotations

from compat.case import Case, Family

NETWORKX = (
    Case(
        "networkx.Graph",
        "x = nx.path_graph(4)",
        "x.add_edge(0, 3, weight=2.0); x.graph['k'] = 1",
        "nx.shortest_path(x, 0, 3), nx.to_dict_of_dicts(x)",
        ("147",),
    ),
    Case(
        "networkx.DiGraph",
        "x = nx.DiGraph([(1, 2), (2, 3)])",
        "x.add_edge(3, 1); x.nodes[1]['c'] = 'r'",
        "sorted(nx.simple_cycles(x)), dict(x.nodes(data=True))",
        ("148",),
    ),
    Case(
        "networkx.MultiDiGraph",
        "x = nx.MultiDiGraph([(1, 2), (1, 2)])",
        "x.add_edge(1, 2, key='k')",
        "list(x.edges(keys=True))",
    ),
    Case(
        "networkx (a view of a graph)",
        "g = nx.path_graph(4)\nx = g.subgraph([0, 1, 2])",
        "g.add_edge(0, 2)",
        "sorted(x.edges)",
    ),
)

PILLOW = (
    Case(
        "PIL.Image.Image",
        "x = Image.new('RGB', (4, 4), 'red')",
        "x.putpixel((0, 0), (1, 2, 3))",
        "np.asarray(x.rotate(90))",
    ),
    Case(
        "PIL.Image.Image (opened from a file)",
        "Image.new('L', (3, 3), 7).save('i.png')\nx = Image.open('i.png')",
        "x.load(); x.putpixel((0, 0), 9)",
        "np.asarray(x)",
    ),
    Case(
        "PIL.ImageDraw.ImageDraw",
        "img = Image.new('RGB', (8, 8))\nx = ImageDraw.Draw(img)",
        "x.line((0, 0, 7, 7), fill='white')",
        "x.point((0, 7), fill='red'); np.asarray(img)",
    ),
    Case(
        "PIL.ImageFont.FreeTypeFont",
        "x = ImageFont.load_default(12)",
        "x = ImageFont.load_default(20)",
        "x.getbbox('abc')",
    ),
)

OFFICE = (
    Case(
        "openpyxl.Workbook",
        "x = openpyxl.Workbook()\nx.active['A1'] = 1",
        "x.active['B2'] = '=A1*2'; x.create_sheet('s')",
        "[[c.value for c in row] for row in x.active.rows], x.sheetnames",
    ),
    Case(
        "openpyxl.worksheet.Worksheet",
        "book = openpyxl.Workbook()\nx = book.active",
        "x.append([1, 2]); x.column_dimensions['A'].width = 30",
        "x.max_row, x['B1'].value, x.parent is book",
    ),
)

SQLALCHEMY = (
    Case(
        "sqlalchemy.Engine (sqlite in memory)",
        "x = sa.create_engine('sqlite://')\nwith x.begin() as c:\n    c.execute(sa.text('create table t(a int)')); None",
        "with x.begin() as c:\n    c.execute(sa.text('insert into t values (3)')); None",
        "with x.connect() as c:\n    found = c.execute(sa.text('select sum(a) from t')).scalar()\nfound",
    ),
    Case(
        "sqlalchemy.Engine (sqlite in a file)",
        "x = sa.create_engine('sqlite:///f.db')",
        "x = sa.create_engine('sqlite:///f.db', echo=False)",
        "with x.connect() as c:\n    found = c.execute(sa.text('select 2')).scalar()\nfound",
    ),
    Case(
        "sqlalchemy.Table",
        "meta = sa.MetaData()\nx = sa.Table('t', meta, sa.Column('a', sa.Integer, primary_key=True))",
        "x.append_column(sa.Column('b', sa.String))",
        "str(sa.select(x)), meta.tables['t'] is x",
    ),
    Case(
        "sqlalchemy.sql.Select",
        "t = sa.table('t', sa.column('a'))\nx = sa.select(t)",
        "x = x.where(t.c.a > 1)",
        "str(x)",
    ),
    Case(
        "sqlalchemy.orm.DeclarativeBase (a mapped class)",
        "class Base(orm.DeclarativeBase):\n    pass\nclass User(Base):\n    __tablename__ = 'users'\n    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)\n    name: orm.Mapped[str]\nx = User(id=1, name='a')",
        "x.name = 'b'",
        "x.name, str(sa.select(User)).replace(chr(10), ' '), sa.inspect(x).transient",
    ),
    Case(
        "sqlalchemy.MetaData",
        "x = sa.MetaData()\nsa.Table('t', x, sa.Column('a', sa.Integer))",
        "sa.Table('u', x, sa.Column('b', sa.ForeignKey('t.a'))); None",
        "[t.name for t in x.sorted_tables]",
    ),
)

CLIENTS = (
    Case(
        "requests.Session",
        "x = requests.Session()\nx.headers['A'] = 'b'",
        "x.cookies.set('c', 'd'); x.max_redirects = 3",
        "dict(x.headers)['A'], x.cookies.get_dict(), x.prepare_request(requests.Request('GET', 'http://example.org')).headers['A']",
    ),
    Case(
        "requests.Response",
        "x = requests.Response()\nx._content = b'{\"a\": 1}'; x.status_code = 200",
        "x._content = b'{\"a\": 2}'",
        "x.json(), x.ok",
    ),
    Case(
        "requests.PreparedRequest",
        "x = requests.Request('POST', 'http://example.org', json={'a': 1}).prepare()",
        "x.headers['B'] = 'c'",
        "x.body, dict(x.headers)",
    ),
    Case(
        "requests.structures.CaseInsensitiveDict",
        "x = requests.structures.CaseInsensitiveDict(A=1)",
        "x['a'] = 2",
        "x['A'], dict(x)",
    ),
    Case(
        "httpx.Client",
        "x = httpx.Client(headers={'a': 'b'}, base_url='http://example.org')",
        "x.headers['c'] = 'd'; x.timeout = 3",
        "x.build_request('GET', '/p').headers['c' if 'c' in x.headers else 'a'], str(x.base_url)",
        dist="httpx",
    ),
    Case(
        "httpx.Response",
        "x = httpx.Response(200, json={'a': 1})",
        "x.headers['k'] = 'v'",
        "x.json(), dict(x.headers)",
        dist="httpx",
    ),
    Case(
        "httpx.URL", "x = httpx.URL('http://example.org/a?b=1')", "x = x.copy_with(path='/c')", "str(x)", dist="httpx"
    ),
)

RECORDS = (
    Case(
        "pydantic.BaseModel",
        "class Item(pydantic.BaseModel):\n    name: str\n    tags: list[str] = []\nx = Item(name='a')",
        "x.tags.append('t'); x.name = 'b'",
        "x.model_dump_json(), Item.model_validate({'name': 'q'}).name",
    ),
    Case(
        "pydantic.BaseModel (with private attributes)",
        "class Counted(pydantic.BaseModel):\n    n: int = 0\n    _hits: int = pydantic.PrivateAttr(0)\nx = Counted()",
        "x._hits = 5",
        "x._hits + 1, x.model_copy(update={'n': 3}).n",
    ),
    Case(
        "pydantic.TypeAdapter",
        "x = pydantic.TypeAdapter(list[int])",
        "x = pydantic.TypeAdapter(dict[str, int])",
        "x.json_schema()",
    ),
    Case(
        "pydantic.dataclasses.dataclass",
        "@pydantic.dataclasses.dataclass\nclass Point:\n    a: int\nx = Point('3')",
        "x.a = 8",
        "x.a + 1, Point('4').a",
    ),
    Case(
        "attrs (define)",
        "@attrs.define\nclass Pair:\n    left: int\n    right: list = attrs.field(factory=list)\nx = Pair(1)",
        "x.right.append(2); x.left = 5",
        "attrs.asdict(attrs.evolve(x, left=x.left + 1))",
        dist="attrs",
    ),
    Case(
        "attrs (frozen)",
        "@attrs.frozen\nclass Fixed:\n    a: int\nx = Fixed(1)",
        "x = attrs.evolve(x, a=2)",
        "hash(x) == hash(Fixed(x.a)), x.a",
        dist="attrs",
    ),
    Case(
        "arrow.Arrow",
        "x = arrow.get('2024-01-01T10:00:00+02:00')",
        "x = x.shift(days=1)",
        "x.humanize(arrow.get('2024-01-03T10:00:00+02:00')), x.isoformat()",
        ("131",),
        dist="arrow",
    ),
    Case(
        "msgpack.Packer",
        "x = msgpack.Packer()",
        "x = msgpack.Packer(use_single_float=True)",
        "x.pack([1, 2.5])",
        dist="msgpack",
    ),
    Case(
        "msgpack.Unpacker", "x = msgpack.Unpacker()\nx.feed(b'\\x01\\x02\\x03')", "next(x)", "next(x)", dist="msgpack"
    ),
)

TOOLS = (
    Case(
        "tqdm.tqdm",
        "x = tqdm.tqdm(total=10, file=io.StringIO())",
        "x.update(3)",
        "x.update(1); x.n, x.total",
        dist="tqdm",
    ),
    Case(
        "joblib.Memory",
        "x = joblib.Memory('cache', verbose=0)",
        "x = joblib.Memory('other', verbose=0)",
        "x.cache(len)([1, 2])",
        dist="joblib",
    ),
    Case(
        "joblib.Parallel",
        "x = joblib.Parallel(n_jobs=1)",
        "x.verbose = 0; x.n_jobs = 1; x.tag = 2",
        "x(joblib.delayed(abs)(v) for v in (-1, 2)), getattr(x, 'tag', 0)",
        dist="joblib",
    ),
    Case(
        "rich.table.Table",
        "x = rich.table.Table('a', 'b')",
        "x.add_row('1', '2')",
        "console = rich.console.Console(file=io.StringIO(), width=40, force_jupyter=False)\nconsole.print(x)\nconsole.file.getvalue()",
        dist="rich",
    ),
    Case(
        "rich.console.Console",
        "x = rich.console.Console(file=io.StringIO(), width=30, force_jupyter=False)",
        "x.print('hello')",
        "x.print('more')\nx.file.getvalue()",
        dist="rich",
    ),
    Case(
        "rich.text.Text", "x = rich.text.Text('ab')", "x.stylize('bold', 0, 1); x.append('c')", "x.markup", dist="rich"
    ),
    Case(
        "loguru.logger",
        "x = loguru.logger\nlines = []\nx.remove(); x.add(lines.append, format='{message}')\nNone",
        "x = x.bind(a=1)",
        "x.info('m'); len(lines) > 0",
        dist="loguru",
    ),
    Case("dill", "x = dill.loads(dill.dumps({'a': [1]}))", "x['a'].append(2)", "x", ("12",), dist="dill"),
    Case(
        "cloudpickle (a lambda)",
        "k = 2\nx = cloudpickle.loads(cloudpickle.dumps(lambda v: v * 3))",
        "x.tag = 1",
        "x(4)",
        dist="cloudpickle",
    ),
    Case(
        "narwhals.DataFrame",
        "x = nw.from_native(pd.DataFrame({'a': [1, 2]}))",
        "x = x.with_columns(nw.col('a') * 2)",
        "x.to_dict(as_series=False)",
        dist="narwhals",
    ),
    Case(
        "jinja2.Template",
        "x = jinja2.Template('a {{ b }}')",
        "x = jinja2.Template('c {{ b }}')",
        "x.render(b=3)",
        dist="jinja2",
    ),
    Case(
        "jinja2.Environment",
        "x = jinja2.Environment(trim_blocks=True)",
        "x.filters['twice'] = lambda v: v * 2",
        "x.from_string('{{ 3 | string }}').render(), 'twice' in x.filters",
        dist="jinja2",
    ),
)

FAMILIES = (
    Family("networkx", "networkx", "import networkx as nx", NETWORKX),
    Family("pillow", "pillow", "import numpy as np\nfrom PIL import Image, ImageDraw, ImageFont", PILLOW),
    Family("openpyxl", "openpyxl", "import openpyxl", OFFICE),
    Family("sqlalchemy", "sqlalchemy", "import sqlalchemy as sa, sqlalchemy.orm as orm", SQLALCHEMY),
    Family("clients", "requests", "import requests, httpx", CLIENTS),
    Family("records", "pydantic", "import pydantic, pydantic.dataclasses, attrs, arrow, msgpack", RECORDS),
    Family(
        "tools",
        "",
        "import io, tqdm, joblib, rich.table, rich.console, rich.text, loguru, dill, cloudpickle, jinja2, narwhals as nw, pandas as pd",
        TOOLS,
    ),
)
