"""Databases of any kind that can be read for an inventory, and changed between two readings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from clinops.adapters.inventory_records import Allowance
from clinops.adapters.sql_inventory import tables_in_database
from clinops.adapters.sqlite_inventory import tables_in_file
from clinops.domain.difference import Difference
from clinops.domain.environment import Database
from clinops.domain.inventory import Inventory
from clinops.domain.inventory_change import changes, differences


class Meanwhile(Allowance):
    """Does something in the middle of a reading: when the first record is taken."""

    def __init__(self, seconds: float, act: Callable[[], object]) -> None:
        super().__init__(seconds)
        self._act: Callable[[], object] | None = act

    def take(self) -> None:
        act, self._act = self._act, None
        if act:
            act()
        super().take()


class System:
    """A database of one kind, whichever."""

    def __init__(self, engine: sa.Engine, database: Database | None, door: str) -> None:
        self.engine, self.database, self.door = engine, database, door

    def execute(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def insert(self, table: str, rows: list[tuple[object, ...]]) -> None:
        names = [f"c{place}" for place in range(len(rows[0]))]
        values = ", ".join(f":{name}" for name in names)
        with self.engine.begin() as connection:
            connection.execute(
                sa.text(f"INSERT INTO {table} VALUES ({values})"),  # noqa: S608 - a test's own table
                [dict(zip(names, row, strict=True)) for row in rows],
            )

    def read(self, allowance: Allowance | None = None) -> Inventory:
        allowance = allowance or Allowance(30)
        if self.database is None:
            tables = tables_in_file(Path(self.door), allowance)
            return Inventory(collections={f"index.{name}": table for name, table in tables.items()})
        return Inventory(
            collections=tables_in_database("index", self.database, self.door, allowance)
        )

    def difference(self, *statements: str) -> list[Difference]:
        """Do something to the system, and see what is told of it."""
        before = self.read()
        self.execute(*statements)
        return differences(changes(before, self.read()))

    def as_user(self, user: str) -> System:
        """The same system, read by somebody else."""
        assert self.database
        return System(self.engine, self.database.model_copy(update={"user": user}), self.door)
