"""What holds of every ledger, the fake one included."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from clinops.adapters.sql_ledger import SqlLedger
from clinops.domain.ledger import GENESIS, Anchor, Kind
from clinops.domain.outcome import Outcome, State
from clinops.errors import LedgerError
from clinops.ports import Ledger
from tests.fakes.ledger import (
    EVIDENCE,
    FakeClock,
    FakeLedger,
    live_body,
    release_body,
    signed_upon,
    to_live,
    to_sign_off,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
def ledger(request, tmp_path, clock) -> Iterator[Ledger]:
    if request.param == "fake":
        yield FakeLedger(clock)
        return
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path}/ledger.db"
    else:
        address = request.getfixturevalue("postgres_server").database()
    opened = SqlLedger(address, clock)
    yield opened
    opened.close()


class TestLedgerContract:
    def test_an_empty_ledger_is_whole(self, ledger):
        assert list(ledger.problems()) == []
        assert list(ledger.entries()) == []
        assert ledger.releases() == []
        assert ledger.live() == []
        assert ledger.release("pas-1") is None

    def test_the_head_is_the_place_of_the_last_entry(self, ledger):
        assert ledger.head() == Anchor(sequence=0, digest=GENESIS)
        entry = ledger.append(Kind.RELEASE_KNOWN, "pas-1", release_body("pas-1"))
        assert ledger.head() == Anchor(sequence=1, digest=entry.digest)

    def test_a_release_goes_all_the_way_to_live(self, ledger):
        to_live(ledger)
        record = ledger.release("pas-1")
        assert (record.state, record.outcome) == (State.LIVE, Outcome.QUALIFIED)
        assert (record.evidence, record.attempt) == (EVIDENCE, 1)
        [system] = ledger.live()
        assert (system.product, system.site, system.release) == ("pas", "ward", "pas-1")
        assert list(ledger.problems()) == []

    def test_returns_entries_in_order_and_as_they_were_appended(self, ledger):
        first = ledger.append(Kind.RELEASE_KNOWN, "pas-1", release_body("pas-1"))
        second = ledger.append(Kind.RELEASE_KNOWN, "lab-1", release_body("lab-1", "lab"))
        third = ledger.append(Kind.QUALIFICATION_STARTED, "pas-1", {"attempt": 1, "é": (1.5, None)})
        assert list(ledger.entries()) == [first, second, third]
        assert list(ledger.entries(after=1)) == [second, third]
        assert list(ledger.entries("pas-1")) == [first, third]
        assert list(ledger.entries("pas-1", after=1)) == [third]
        assert third.body == {"attempt": 1, "é": [1.5, None]}

    def test_lists_releases_newest_first_and_by_product(self, ledger):
        for name, product in [("pas-1", "pas"), ("lab-1", "lab"), ("pas-2", "pas")]:
            ledger.append(Kind.RELEASE_KNOWN, name, release_body(name, product))
        ledger.append(Kind.QUALIFICATION_STARTED, "pas-1", {"attempt": 1})
        assert [record.id for record in ledger.releases()] == ["pas-2", "lab-1", "pas-1"]
        assert [record.id for record in ledger.releases("pas")] == ["pas-2", "pas-1"]

    def test_lists_releases_in_some_states(self, ledger):
        to_live(ledger)
        to_sign_off(ledger, "pas-2")
        to_sign_off(ledger, "lab-1", "lab")
        waiting = {State.AWAITING_SIGN_OFF}
        assert [record.id for record in ledger.releases(states=waiting)] == ["lab-1", "pas-2"]
        assert [record.id for record in ledger.releases("pas", waiting)] == ["pas-2"]
        both = [State.LIVE, State.AWAITING_SIGN_OFF]
        assert [record.id for record in ledger.releases("pas", both)] == ["pas-2", "pas-1"]
        assert ledger.releases(states=[]) == []
        assert ledger.releases(states=[State.REFUSED]) == []

    def test_gives_everything_about_a_release_its_sites_included(self, ledger):
        ledger.append(Kind.SYSTEM_ADOPTED, "pas@ward", {"live": live_body(version="1.1.0")})
        to_live(ledger)
        to_sign_off(ledger, "pas-2")
        kinds = [entry.kind for entry in ledger.about("pas-1")]
        assert kinds[-2:] == [Kind.SITE_LIVE, Kind.DEPLOYED]
        assert len(kinds) == 7
        assert list(ledger.about("pas")) == []

    def test_finds_what_met_requests_at_once_and_beside_their_release(self, ledger):
        to_live(ledger)
        body = {"request": "r-1", "release": "pas-1", "evidence": EVIDENCE}
        met = ledger.append(Kind.REQUEST_MET, "estate:requests", body)
        assert list(ledger.entries("estate:requests")) == [met]
        assert list(ledger.about("pas-1"))[-1] == met
        assert list(ledger.problems()) == []
        with pytest.raises(LedgerError, match="other evidence"):
            ledger.append(Kind.REQUEST_MET, "estate:requests", {**body, "evidence": "none"})

    def test_pages_back_from_the_newest_entry(self, ledger):
        to_sign_off(ledger)
        to_sign_off(ledger, "pas-2")
        first = ledger.recent(limit=4)
        assert [entry.sequence for entry in first] == [6, 5, 4, 3]
        assert [entry.sequence for entry in ledger.recent(before=3, limit=4)] == [2, 1]
        assert ledger.recent(before=1) == []
        assert [entry.sequence for entry in ledger.recent("pas-1", limit=2)] == [3, 2]
        assert [entry.sequence for entry in ledger.recent("pas-1", before=2, limit=2)] == [1]

    def test_knows_the_last_entry_of_a_subject(self, ledger):
        to_sign_off(ledger)
        to_sign_off(ledger, "pas-2")
        assert (ledger.last_sequence("pas-1"), ledger.last_sequence("pas-2")) == (3, 6)
        assert ledger.last_sequence("lab-1") == 0

    def test_a_signature_upon_this_ledger_stands(self, ledger):
        to_sign_off(ledger)
        ledger.append(Kind.SIGNED, "pas-1", signed_upon(ledger.head().json_value()))
        ledger.append(Kind.LINE_STOPPED, "pas", signed_upon({"sequence": 0, "digest": GENESIS}))
        ledger.append(Kind.LINE_RESUMED, "pas", signed_upon(None))
        assert list(ledger.problems()) == []

    def test_a_signature_upon_another_ledger_is_named(self, ledger):
        to_sign_off(ledger)
        other = "sha256:" + "0" * 63 + "1"
        ledger.append(Kind.SIGNED, "pas-1", signed_upon({"sequence": 2, "digest": other}))
        said = (
            f"entry 4 was signed upon a ledger whose entry 2 was {other}: this is not that ledger"
        )
        assert list(ledger.problems()) == [said]

    def test_lists_what_is_live_by_product_and_site(self, ledger):
        for product, site in [("pas", "ward"), ("lab", "ward"), ("pas", "Annexe")]:
            body = {"live": live_body(product=product, site=site)}
            ledger.append(Kind.SYSTEM_ADOPTED, f"{product}@{site}", body)
        found = [(system.product, system.site) for system in ledger.live()]
        assert found == [("lab", "ward"), ("pas", "Annexe"), ("pas", "ward")]
        assert [system.product for system in ledger.live("lab")] == ["lab"]

    def test_a_rollback_puts_the_old_system_back_on_record(self, ledger):
        ledger.append(Kind.SYSTEM_ADOPTED, "pas@ward", {"live": live_body(version="1.1.0")})
        to_sign_off(ledger)
        ledger.append(Kind.DEPLOYMENT_STARTED, "pas-1", {})
        body = {"live": live_body(version="1.1.0"), "release": "pas-1"}
        ledger.append(Kind.SITE_ROLLED_BACK, "pas@ward", body)
        ledger.append(Kind.ROLLED_BACK, "pas-1", {})
        [system] = ledger.live("pas")
        assert system.version == "1.1.0"
        assert ledger.release("pas-1").state is State.ROLLED_BACK
        assert list(ledger.problems()) == []

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            (Kind.RELEASE_KNOWN, release_body("pas-1")),
            (Kind.VERDICT, {"outcome": "refused", "evidence": EVIDENCE}),
            (Kind.QUALIFICATION_STARTED, {"attempt": 2}),
            (Kind.DEPLOYED, {}),
            (Kind.SIGNED, {"broken": float("inf")}),
        ],
        ids=["known twice", "second verdict", "started anew", "never deployed", "no JSON"],
    )
    def test_a_contradiction_is_refused_and_leaves_nothing_behind(self, ledger, kind, body):
        to_sign_off(ledger)
        before = list(ledger.entries()), ledger.releases()
        with pytest.raises(LedgerError):
            ledger.append(kind, "pas-1", body)
        assert (list(ledger.entries()), ledger.releases()) == before
        assert list(ledger.problems()) == []

    def test_a_deployment_starts_twice_only_to_resume(self, ledger):
        to_sign_off(ledger)
        ledger.append(Kind.DEPLOYMENT_STARTED, "pas-1", {})
        with pytest.raises(LedgerError, match="under way already"):
            ledger.append(Kind.DEPLOYMENT_STARTED, "pas-1", {})
        ledger.append(Kind.DEPLOYMENT_STARTED, "pas-1", {"resume": True})

    def test_a_clock_that_was_set_back_stops_the_ledger(self, ledger, clock):
        ledger.append(Kind.RELEASE_KNOWN, "pas-1", release_body("pas-1"))
        clock.advance(-1)
        with pytest.raises(LedgerError, match="the clock was set back"):
            ledger.append(Kind.QUALIFICATION_STARTED, "pas-1", {"attempt": 1})

    def test_times_are_written_in_utc_whatever_the_clocks_zone(self, ledger, clock):
        clock.now = clock.now.astimezone(dt.timezone(dt.timedelta(hours=-3)))
        entry = ledger.append(Kind.RELEASE_KNOWN, "pas-1", release_body("pas-1"))
        assert entry.time == "2025-06-10T12:00:00.000000+00:00"

    def test_threads_that_append_at_once_make_one_chain(self, ledger):
        names = [f"pas-{number}" for number in range(12)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: ledger.append(Kind.RELEASE_KNOWN, n, release_body(n)), names))
        assert sorted(record.id for record in ledger.releases()) == sorted(names)
        assert list(ledger.problems()) == []

    def test_a_lease_has_one_holder_until_it_ends(self, ledger, clock):
        assert ledger.take_lease("qualify:pas-1", "ann", 10)
        assert not ledger.take_lease("qualify:pas-1", "bob", 10)
        assert ledger.take_lease("qualify:pas-2", "bob", 10)
        assert ledger.leases() == {"qualify:pas-1": "ann", "qualify:pas-2": "bob"}
        clock.advance(10)
        assert ledger.leases() == {}
        assert ledger.take_lease("qualify:pas-1", "bob", 10)
        assert not ledger.take_lease("qualify:pas-1", "ann", 10)

    def test_a_holder_renews_its_own_lease(self, ledger, clock):
        ledger.take_lease("work", "ann", 10)
        clock.advance(9)
        assert ledger.take_lease("work", "ann", 10)
        clock.advance(9)
        assert ledger.leases() == {"work": "ann"}

    def test_only_its_holder_gives_a_lease_back(self, ledger):
        ledger.take_lease("work", "ann", 10)
        ledger.release_lease("work", "bob")
        assert ledger.leases() == {"work": "ann"}
        ledger.release_lease("work", "ann")
        ledger.release_lease("work", "ann")
        assert ledger.take_lease("work", "bob", 10)

    def test_of_threads_that_want_a_lease_one_gets_it(self, ledger):
        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(lambda who: ledger.take_lease("work", str(who), 10), range(8)))
        assert taken.count(True) == 1
        assert ledger.leases() == {"work": str(taken.index(True))}
