"""SQL probes on every kind of database: read-only, one statement, over a kept connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from clinops.adapters.probe_runner import NoAnswerError
from clinops.adapters.probe_sql import SqlProbes
from clinops.domain.probe_call import SqlCall


@pytest.fixture(params=["postgresql", "maria"])
def probes(request: pytest.FixtureRequest) -> Iterator[SqlProbes]:
    system = request.getfixturevalue(request.param)
    with system.engine.begin() as connection:
        connection.execute(sa.text("create table p (id varchar(9), name varchar(20))"))
        connection.execute(sa.text("insert into p values ('1', 'Ñandú'), ('2', 'Bea')"))
    made = SqlProbes({system.database.endpoint: system.door}, {"index": system.database})
    yield made
    made.close()


def ask(probes: SqlProbes, query: str, **values: str) -> Any:
    return probes.ask(SqlCall(database="index", query=query), values, 5).tree


def test_reads_rows_with_bound_parameters(probes: SqlProbes):
    tree = ask(probes, "select name from p where id = :i", i="1")
    assert tree == {"columns": ["name"], "rows": [{"name": "Ñandú"}]}
    assert ask(probes, "select name from p where id = :i", i="1' or '1'='1")["rows"] == []


def test_nothing_can_be_written(probes: SqlProbes):
    for _ in range(2):
        with pytest.raises(NoAnswerError, match=r"(?i)read.only transaction"):
            probes.ask(SqlCall.model_construct(**_writing()), {}, 5)
    assert len(ask(probes, "select * from p")["rows"]) == 2


def _writing() -> dict[str, str]:
    """Say what the model would not let through."""
    return {"database": "index", "query": "insert into p values ('3', 'Cy')"}
