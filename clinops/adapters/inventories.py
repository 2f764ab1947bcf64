"""What replicas hold, by program, by table and by file: the port `Inventories`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from pydantic import TypeAdapter, ValidationError

from clinops.adapters.file_inventory import files_in_archive
from clinops.adapters.inventory_records import Allowance
from clinops.adapters.sql_inventory import tables_in_database
from clinops.domain.environment import Environment
from clinops.domain.inventory import Collection, Inventory, Source, held
from clinops.domain.replica import Replica
from clinops.errors import BadInputError, InfrastructureError, NotFoundError
from clinops.ports import EstateTree, Replicas, Suites

_RESULT = TypeAdapter(dict[str, dict[str, dict[str, str | None]]])
_FORM = 'write {"patients": {"9990000018": {"name": "…"}}}: collection, record, field, text or null'


class ReplicaInventories:
    """Reads replicas by all the ways that their environment offers."""

    def __init__(self, suites: Suites, replicas: Replicas, time_limit: float) -> None:
        """Read each source (the databases, the volumes) for at most `time_limit` seconds."""
        self._suites = suites
        self._replicas = replicas
        self._time_limit = time_limit

    def read(self, replica: Replica, environment: Environment, tree: EstateTree) -> Inventory:
        """Read everything that a replica holds, without changing it."""
        collections: dict[str, Collection] = {}
        for name, collection in self._all(replica, environment, tree):
            if name in collections:
                raise InfrastructureError(
                    f"two collections of {replica.product} are called `{name}`",
                    mend="give the program's collections, databases and volumes other names",
                )
            collections[name] = collection
        return Inventory(collections=collections)

    def _all(
        self, replica: Replica, environment: Environment, tree: EstateTree
    ) -> Iterator[tuple[str, Collection]]:
        section = environment.clinops
        if section.inventory:
            result = self._suites.run_program(section.inventory, replica, tree)
            yield from _reported(result, f"environments/{replica.product}/{section.inventory}")
        allowance = Allowance(self._time_limit)
        for name, database in section.databases.items():
            door = replica.endpoints[database.endpoint]
            yield from tables_in_database(name, database, door, allowance).items()
        for service, path in _volumes(environment):
            name = f"{service}:{path}"
            archive = self._replicas.archive(replica, service, path)
            try:
                yield from files_in_archive(name, archive, allowance).items()
            except NotFoundError:
                # The folder is only made once something is mounted there: it holds nothing.
                yield name, Collection(source=Source.FILES, records={})


def _volumes(environment: Environment) -> Iterator[tuple[str, str]]:
    """Yield services with their volumes; a database server's are read as tables instead."""
    section = environment.clinops
    doors = (section.endpoints[database.endpoint] for database in section.databases.values())
    servers = {door.partition(":")[0] for door in doors}
    for name, service in environment.services.items():
        if name not in servers:
            yield from ((name, path) for path in service.mounts)


def _reported(result: bytes, program: str) -> Iterator[tuple[str, Collection]]:
    try:
        reported = _RESULT.validate_python(
            json.loads(result, object_pairs_hook=_without_doubles), strict=True
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = " → ".join(str(step) for step in first["loc"])
        raise _bad(program, f"{place or 'its result'}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise _bad(program, str(error) if result else "it wrote nothing") from error
    for name, records in reported.items():
        kept = {
            key: {field: held(text) for field, text in fields.items() if text is not None}
            for key, fields in records.items()
        }
        yield name, Collection(source=Source.PROGRAM, records=kept)


def _without_doubles(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"`{key}` is there twice, so that one would hide the other")
        found[key] = value
    return found


def _bad(program: str, why: str) -> BadInputError:
    return BadInputError(f"{program}: its result is no inventory: {why}", mend=_FORM)
