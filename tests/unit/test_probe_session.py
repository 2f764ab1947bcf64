"""Probes put to systems over real connections: HTTP, HL7 v2, SQL, commands."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Event
from typing import Any

import hl7
import psycopg
import pytest

from clinops.adapters.answer_trees import MAX_BYTES
from clinops.adapters.probes import ReplicaProbes, ReplicaSession
from clinops.adapters.pytest_plugin.hl7 import MllpReceiver
from clinops.domain.environment import Environment
from clinops.domain.observation import Observation
from clinops.domain.parsing import parse
from clinops.domain.probe import ProbeCase, ProbeFile
from clinops.domain.replica import Executed, Replica
from clinops.domain.suite import Role
from clinops.errors import EngineError
from tests.fakes.postgres import PostgresServer
from tests.fakes.web import FakeWeb, Request

ENVIRONMENT = """\
name: archive
services:
  archive: {image: package}
x-clinops:
  under_test: archive
  endpoints: {http: archive:80, mllp: archive:2575, db: archive:5432}
  databases:
    index: {kind: postgresql, endpoint: db, name: NAME, user: clinops, password: synthetic}
"""
DIGEST = f"sha256:{'0' * 64}"


class Commands:
    """The one method of the port `Replicas` that probes need."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.result: Executed | Exception = Executed(exit_code=3, output=b"1.12.7\nready\n")

    def execute(self, replica: Replica, service: str, command: Any, *, within: float) -> Executed:
        self.ran.append([service, *command])
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
def web() -> Iterator[FakeWeb]:
    server = FakeWeb()
    yield server
    server.close()


@pytest.fixture
def open_session(commands: Commands) -> Iterator[Any]:
    with ExitStack() as stack:

        def open_to(name: str = "none", **endpoints: str) -> ReplicaSession:
            instance = {"container": "c", "address": "127.0.0.1", "image": DIGEST}
            replica = Replica.model_validate(
                {
                    "id": "r",
                    "product": "archive",
                    "version": "1.0",
                    "role": Role.BASELINE,
                    "release": "rel",
                    "under_test": "archive",
                    "services": {"archive": instance},
                    "endpoints": endpoints,
                }
            )
            text = ENVIRONMENT.replace("NAME", name)
            environment = parse("compose.yaml", text.encode(), Environment)
            probes = ReplicaProbes(commands)  # type: ignore[arg-type]
            return stack.enter_context(probes.session(replica, environment))

        yield open_to


def case(text: str) -> ProbeCase:
    file = f"schema: 1\nproduct: archive\nprobes:\n  - {text}\n"
    return parse("p.yaml", file.encode(), ProbeFile).cases[0]


def answer_of(observation: Observation) -> Any:
    assert observation.problem == ""
    return observation.answer


def test_observes_status_headers_and_body(web: FakeWeb, open_session: Any):
    web.respond = lambda request: request.answer(
        404, b'{"a": 1}', Content_Type="application/json", X_Kind="A"
    )
    observed = open_session(http=web.door).run(
        case('{id: a, hazards: [ARC-001], each: {p: ["1"]}, http: {path: "/{p}"}}')
    )
    tree = answer_of(observed)
    assert tree["headers"].pop("server")
    assert tree == {
        "status": 404,
        "headers": {"content-type": "application/json", "x-kind": "A"},
        "body": {"a": 1},
    }
    assert (observed.probe, observed.kind) == ("a[p=1]", "http")
    assert observed.hazards == ("ARC-001",)
    assert observed.milliseconds > 0


def test_a_parameter_is_nothing_but_a_value_in_a_path_and_in_json(web: FakeWeb, open_session: Any):
    seen: list[bytes] = []
    web.respond = lambda request: (seen.append(request.content()), request.answer())[1]
    hostile = '{id: a, each: {p: ["../x?a=1&b#\\" é"]}, http: {method: POST, path: "/s?q={p}", '
    open_session(http=web.door).run(case(hostile + 'json: {"{p}": "<{p}>", n: 1}}}'))
    assert web.requests == ["POST /s?q=..%2Fx%3Fa%3D1%26b%23%22%20%C3%A9"]
    assert seen == [b'{"{p}": "<../x?a=1&b#\\" \\u00e9>", "n": 1}']


def test_a_header_can_not_be_split_by_what_was_taken(web: FakeWeb, open_session: Any):
    web.respond = lambda request: request.answer(
        200, b'"x\\r\\nInjected: 1"', Content_Type="application/json"
    )
    observed = open_session(http=web.door).run(
        case(
            "{id: a, steps: [{http: {path: /}, take: {t: body}}, "
            '{http: {path: /, headers: {x-t: "{t}"}}}]}'
        )
    )
    assert "LocalProtocolError" in observed.problem
    assert web.requests == ["GET /"]


def test_signs_in_as_the_probe_says(web: FakeWeb, open_session: Any):
    web.respond = lambda request: request.answer(body=request.headers["Authorization"].encode())
    observed = open_session(http=web.door).run(case("{id: a, http: {path: /, auth: [u, p]}}"))
    assert answer_of(observed)["body"]["length"] == len("Basic dTpw")


def test_asks_fhir_as_fhir(web: FakeWeb, open_session: Any):
    web.respond = lambda request: request.answer(
        200, request.content(), Content_Type=request.headers["Accept"]
    )
    observed = open_session(http=web.door).run(
        case(
            '{id: a, each: {i: ["a/b"]}, '
            'fhir: {base: /fhir, method: PUT, path: "Patient/{i}", json: {id: "{i}"}}}'
        )
    )
    assert web.requests == ["PUT /fhir/Patient/a%2Fb"]
    assert answer_of(observed)["body"] == {"id": "a/b"}


def test_a_redirect_is_an_answer(web: FakeWeb, open_session: Any):
    web.respond = lambda request: request.answer(302, Location="http://elsewhere.example/")
    tree = answer_of(open_session(http=web.door).run(case("{id: a, http: {path: /}}")))
    assert (tree["status"], tree["headers"]["location"]) == (302, "http://elsewhere.example/")


def test_keeps_connections_but_no_cookies(web: FakeWeb, open_session: Any):
    web.respond = lambda request: request.answer(
        200,
        request.headers.get("Cookie", "-").encode(),
        Content_Type="text/plain",
        Set_Cookie="s=1",
    )
    session = open_session(http=web.door)
    steps = case("{id: a, steps: [{http: {path: /}}, {http: {path: /}}]}")
    first, second = (answer_of(session.run(steps)) for _ in range(2))
    assert [each["body"] for each in first] == [["-"], ["s=1"]]
    assert second == first
    assert web.connections == 1


def test_a_step_takes_what_an_earlier_one_answered(web: FakeWeb, open_session: Any):
    web.respond = lambda request: request.answer(
        200, b'{"list": [{"ID": 7}]}', Content_Type="application/json"
    )
    observed = open_session(http=web.door).run(
        case(
            "{id: a, steps: [{http: {path: /a}, take: {uid: body/list/0/ID}}, "
            '{http: {path: "/a/{uid}"}}]}'
        )
    )
    assert len(answer_of(observed)) == 2
    assert observed.kind == "http"
    assert web.requests == ["GET /a", "GET /a/7"]


@pytest.mark.parametrize("path", ["body/x", "body/list/1", "body/list", "body/none"])
def test_a_step_that_can_take_nothing_ends_the_probe(web: FakeWeb, open_session: Any, path: str):
    web.respond = lambda request: request.answer(
        200, b'{"list": [1], "none": null}', Content_Type="application/json"
    )
    observed = open_session(http=web.door).run(
        case(
            f"{{id: a, steps: [{{http: {{path: /a}}, take: {{uid: {path}}}}}, "
            '{http: {path: "/a/{uid}"}}]}'
        )
    )
    assert observed.problem.startswith("step 1: the answer has no")
    assert observed.problem.endswith(f"at {path}")
    assert len(observed.answer) == 1
    assert web.requests == ["GET /a"]


def test_a_system_that_does_not_listen_does_not_answer(web: FakeWeb, open_session: Any):
    door = web.door
    web.close()
    observed = open_session(http=door).run(case("{id: a, http: {path: /}}"))
    assert observed.answer is None
    assert "ConnectError" in observed.problem


def test_an_answer_that_trickles_ends_with_the_time_limit(web: FakeWeb, open_session: Any):
    over = Event()

    def trickle(request: Request) -> None:
        request.send_response(200)
        request.end_headers()
        while not over.wait(0.2):
            request.wfile.write(b"a")

    web.respond = trickle
    session = open_session(http=web.door)
    started = time.monotonic()
    observed = session.run(case("{id: a, within: 1, http: {path: /}}"))
    assert time.monotonic() - started < 4
    over.set()
    assert observed.problem == "no answer within 1 seconds"
    web.respond = Request.answer
    assert answer_of(session.run(case("{id: a, http: {path: /}}")))["status"] == 200


def test_an_answer_without_end_is_no_answer(web: FakeWeb, open_session: Any):
    packed = gzip.compress(bytes(MAX_BYTES + 1))
    web.respond = lambda request: request.answer(200, packed, Content_Encoding="gzip")
    observed = open_session(http=web.door).run(case("{id: a, http: {path: /}}"))
    assert observed.problem == f"the answer is longer than {MAX_BYTES} bytes"


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a" * 200_000])
def test_what_is_no_http_is_no_answer(web: FakeWeb, open_session: Any, answer: bytes):
    def respond(request: Request) -> None:
        request.wfile.write(answer)
        request.close_connection = True

    web.respond = respond
    observed = open_session(http=web.door).run(case("{id: a, http: {path: /}}"))
    assert observed.answer is None
    assert observed.problem


def test_the_boundary_of_parts_is_not_compared(web: FakeWeb, open_session: Any):
    web.respond = lambda request: request.answer(
        200, b"--x1\r\n\r\n\r\n--x1--", Content_Type='multipart/related; boundary="x1"; a=b'
    )
    tree = answer_of(open_session(http=web.door).run(case("{id: a, http: {path: /}}")))
    assert tree["headers"]["content-type"] == "multipart/related; boundary=…; a=b"


MESSAGE = "MSH|^~\\\\&|A|B|C|D|20260101||ADT^A08|1|P|2.5\\nPID|||{p}"


@pytest.fixture
def receiver() -> Iterator[MllpReceiver]:
    made = MllpReceiver()
    yield made
    made.close()


def test_sends_messages_and_reads_acknowledgements(receiver: MllpReceiver, open_session: Any):
    session = open_session(mllp="{}:{}".format(*receiver.address))
    adt = case(f'{{id: a, each: {{p: ["1|2^3\\r&"]}}, hl7: {{message: "{MESSAGE}"}}}}')
    trees = [answer_of(session.run(adt)) for _ in range(2)]
    assert [tree["body"]["MSA"] for tree in trees] == [
        [{"1": [{"1": "AA"}], "2": [{"1": "1"}]}]
    ] * 2
    pid = receiver.messages[0].segment("PID")
    assert str(pid) == "PID|||1\\F\\2\\S\\3\\X0D\\\\T\\"
    assert len(receiver.messages) == 2


def test_a_receiver_that_is_silent_does_not_answer(receiver: MllpReceiver, open_session: Any):
    receiver.answer = lambda _: None
    session = open_session(mllp="{}:{}".format(*receiver.address))
    text = f'{{id: a, within: 1, each: {{p: ["1"]}}, hl7: {{message: "{MESSAGE}"}}}}'
    assert session.run(case(text)).problem == "no acknowledgement: TimeoutError: timed out"
    receiver.answer = hl7.Message.create_ack
    assert answer_of(session.run(case(text)))


@pytest.fixture(scope="module")
def people(postgres_server: PostgresServer) -> tuple[str, str]:
    """The folder of a server's socket, and a database with people."""
    address = postgres_server.database()
    name, folder = address.split("/")[3].split("?")[0], address.split("host=")[1]
    with psycopg.connect(f"host={folder} user=clinops dbname={name}", autocommit=True) as opened:
        opened.execute("create table p (id text, name text, dose numeric, photo bytea, day date)")
        opened.execute("insert into p values ('1', 'Ada', 0.50, 'x', '2026-01-01')")
        opened.execute("insert into p values ('2', 'Bea')")
    return name, f"{folder}:5432"


def test_asks_a_database_with_bound_parameters(people: tuple[str, str], open_session: Any):
    session = open_session(people[0], db=people[1])
    rows = '{id: a, each: {i: ["1"]}, sql: {database: index, query: "select * from p where id=:i"}}'
    assert answer_of(session.run(case(rows))) == {
        "columns": ["id", "name", "dose", "photo", "day"],
        "rows": [
            {
                "id": "1",
                "name": "Ada",
                "dose": "0.50",
                "photo": {
                    "length": 1,
                    "sha256": "sha256:"
                    "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
                },
                "day": "2026-01-01",
            }
        ],
    }
    spliced = rows.replace('"1"', '"1\' or 1=1 --"')
    assert answer_of(session.run(case(spliced)))["rows"] == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("with d as (delete from p returning 1) select * from d", "read-only transaction"),
        ("select 1 from nothing", "does not exist"),
        ("select generate_series(1, 10001)", "more than 10000 rows"),
    ],
)
def test_a_query_that_can_not_be_answered_is_no_answer(
    people: tuple[str, str], open_session: Any, query: str, reason: str
):
    session = open_session(people[0], db=people[1])
    observed = session.run(case(f'{{id: a, sql: {{database: index, query: "{query}"}}}}'))
    assert observed.answer is None
    assert reason in observed.problem
    good = case('{id: a, sql: {database: index, query: "select count(*) as n from p"}}')
    assert answer_of(session.run(good))["rows"] == [{"n": 2}]


def test_many_rows_are_told_by_their_digest_and_columns_of_one_name_apart(
    people: tuple[str, str], open_session: Any
):
    session = open_session(people[0], db=people[1])
    many = "select repeat('x', 200) from generate_series(1, 9999)"
    tree = answer_of(session.run(case(f'{{id: a, sql: {{database: index, query: "{many}"}}}}')))
    assert tree["rows"]["count"] == 9999
    twice = case('{id: a, sql: {database: index, query: "select 1 as a, 2 as a"}}')
    assert answer_of(session.run(twice))["rows"] == [{"a": 1, "a#1": 2}]


def test_a_slow_query_ends_with_the_time_limit(people: tuple[str, str], open_session: Any):
    session = open_session(people[0], db=people[1])
    slow = case('{id: a, within: 1, sql: {database: index, query: "select pg_sleep(4)"}}')
    started = time.monotonic()
    assert session.run(slow).problem == "no answer within 1 seconds"
    assert time.monotonic() - started < 3.5


def test_runs_commands_inside_a_service_without_a_shell(commands: Commands, open_session: Any):
    text = '{id: a, each: {p: ["; rm"]}, command: {argv: [show, "{p}"]}}'
    assert answer_of(open_session().run(case(text))) == {
        "exit_code": 3,
        "output": ["1.12.7", "ready", ""],
    }
    assert commands.ran == [["archive", "show", "; rm"]]


def test_a_command_without_end_is_no_answer(commands: Commands, open_session: Any):
    commands.result = Executed(exit_code=None, output=b"")
    observed = open_session().run(case("{id: a, command: {argv: [wait]}}"))
    assert observed.problem == "the command did not end within 10 seconds"


def test_an_engine_that_fails_is_no_fault_of_the_system(commands: Commands, open_session: Any):
    commands.result = EngineError("gone")
    with pytest.raises(EngineError):
        open_session().run(case("{id: a, command: {argv: [wait]}}"))


@pytest.mark.parametrize(
    ("probe", "problem"),
    [
        ("http: {path: /}", "the replica has no endpoint http"),
        ("sql: {database: other, query: select 1}", "the environment has no database other"),
        ("command: {service: other, argv: [a]}", "the replica has no service other"),
    ],
)
def test_says_what_a_replica_does_not_have(open_session: Any, probe: str, problem: str):
    assert open_session().run(case(f"{{id: a, {probe}}}")).problem == problem
