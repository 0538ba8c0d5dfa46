"""Classes declared with the ORM of SQLAlchemy: undo leaves their mapping whole, a new kernel says what it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fidelity.recording import attach, fresh

from timeslip.codec.placeholder import Placeholder

sqlalchemy = pytest.importorskip("sqlalchemy", minversion="2.0")

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # what an engine has open is closed when it is collected
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

DECLARED = """
import sqlalchemy as sa
from sqlalchemy import orm
class Base(orm.DeclarativeBase): pass
class User(Base):
    __tablename__ = 'u'
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]
engine = sa.create_engine('sqlite://')
Base.metadata.create_all(engine)
"""
PET = """
class Pet(Base):
    __tablename__ = 'p'
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    of: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey('u.id'))
    owner = orm.relationship(User, backref='pets')
Base.metadata.create_all(engine)
s.add(Pet(of=1))
s.commit()
owners = [pet.owner.name for pet in s.query(Pet)]
"""
LEGACY = """
import sqlalchemy as sa
from sqlalchemy import orm
Base = orm.declarative_base()
link = sa.Table('link', Base.metadata, sa.Column('a', sa.ForeignKey('a.id')), sa.Column('b', sa.ForeignKey('b.id')))
class A(Base):
    __tablename__ = 'a'
    id = sa.Column(sa.Integer, primary_key=True)
    x = sa.Column(sa.String)
    bs = orm.relationship('B', secondary=link, back_populates='as_')
class B(Base):
    __tablename__ = 'b'
    id = sa.Column(sa.Integer, primary_key=True)
    as_ = orm.relationship('A', secondary=link, back_populates='bs')
engine = sa.create_engine('sqlite://')
Base.metadata.create_all(engine)
s = orm.Session(engine)
a = A(x='q')
a.bs = [B(), B()]
s.add(a)
s.commit()
query = sa.select(A).where(A.x == 'q')
parts = (A.__table__, Base.metadata, sa.inspect(A), A.__table__.c.x, sa.inspect(A).attrs.bs)
aliased = orm.aliased(A)
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    """A session in which nothing ran yet."""
    found = attach(tmp_path, fresh(), "orm")
    yield found
    found.close()


def run(session: Any, code: str) -> None:
    """Run a cell that has to succeed."""
    assert session.run(code).error is None


def told(session: Any, expression: str) -> Any:
    """What *expression* is in the session."""
    return eval(expression, session.namespace)


def test_a_class_statement_that_was_undone_can_be_run_again(session: Any) -> None:
    run(session, DECLARED)
    run(session, "s = orm.Session(engine); s.add(User(name='ann')); s.commit()")
    run(session, "u = s.query(User).first(); u.name")
    user, mapper = told(session, "User"), told(session, "sa.inspect(User)")
    run(session, PET)
    session.undo()
    assert told(session, "list(Base.metadata.tables)") == ["u"]
    assert not hasattr(user, "pets")
    assert told(session, "type(u) is User and u in s and s.query(User).filter(User.name == 'ann').count()") == 1
    run(session, PET)
    assert told(session, "owners, len(u.pets)") == (["ann"], 1)
    assert told(session, "User") is user
    assert told(session, "sa.inspect(User)") is mapper


def test_what_belongs_to_declared_classes_stays_theirs(session: Any) -> None:
    run(session, LEGACY)
    run(session, "found = [one.x for one in s.scalars(query)]")
    probe = (
        "[one.x for one in s.scalars(query)], a.x, len(a.bs), s.scalars(sa.select(aliased)).all()[0] is a, "
        "type(a) is A, "
        "[one is other for one, other in zip(parts, (A.__table__, Base.metadata, sa.inspect(A), A.__table__.c.x, "
        "sa.inspect(A).attrs.bs))], list(Base.metadata.tables), hasattr(A, 'tag')"
    )
    before = told(session, probe)
    assert before == (["q"], "q", 2, True, True, [True] * 5, ["link", "a", "b"], False)
    run(session, "a.x = 'r'; s.commit(); A.tag = 1; more = sa.Table('more', Base.metadata)")
    session.undo()
    assert told(session, probe) == before
    run(session, "more = sa.Table('more', Base.metadata)")


def test_a_new_kernel_says_which_classes_only_their_cells_make(session: Any, tmp_path: Path) -> None:
    run(session, DECLARED)
    run(session, "s = orm.Session(engine); s.add(User(name='ann')); s.commit(); n = 5")
    inexact = session.log()[0].names.inexact
    assert {"Base", "User"} <= session.log()[-1].names.inexact.keys()
    assert "only its class statement makes such a class" in session.log()[-1].names.inexact["User"]
    assert "n" not in inexact
    session.close()
    later = attach(tmp_path, fresh(), "orm")
    try:
        result = later.resume()
        assert later.namespace["n"] == 5
        assert isinstance(later.namespace["User"], Placeholder)
        assert result.fidelity["User"] == "lost"
    finally:
        later.close()
