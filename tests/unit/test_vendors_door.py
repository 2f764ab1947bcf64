"""The vendors' door: each sees its own, and nobody else's, whatever they try."""

from __future__ import annotations

import re

import pytest
import yaml
from starlette.routing import Mount, Route

from clinops.domain.ledger import Kind
from clinops.domain.signoff import Meaning
from clinops.errors import InfrastructureError
from clinops.gatehouse import server
from clinops.gatehouse.app import application
from clinops.gatehouse.challenges import MOST_ATTEMPTS
from clinops.gatehouse.people import SESSION
from clinops.gatehouse.vendor_sign_in import PATIENCE
from tests.fakes.guests import OTHERS, Guest, VendorsDoor
from tests.fakes.wiring import SIGNERS, manifest, signer, signers

OPEN = {"/healthz", "/sign-in", "/sign-out", "/static"}
"""What anybody may reach. Whoever adds to this answers for it."""
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def door(keys) -> VendorsDoor:
    return VendorsDoor(keys)


@pytest.fixture
def acme(door) -> Guest:
    return door.guest("acme")


def addresses(door: VendorsDoor, **names: str) -> list[str]:
    """Fill names into every page of the door that is not open to all."""
    routes = [one for one in door.app.routes if one.path not in OPEN]
    assert all(isinstance(one, Route) for one in routes)
    return [re.sub(r"\{(\w+)(:\w+)?\}", lambda found: names[found[1]], one.path) for one in routes]


class TestWhoIsSignedIn:
    def test_sees_its_own_systems_and_releases(self, door, acme):
        release = door.wiring.qualify(door.wiring.offer())
        page = acme.text("/")
        assert "<h1>Acme</h1>" in page
        assert f'href="/releases/{release.id}"' in page
        assert "/lab" not in page
        assert "Umbra" not in page
        own = {"release": release.id, "product": "pas", "vendor": "acme"}
        for address in addresses(door, **own):
            assert acme.get(address).status_code == 200, address

    def test_gets_the_same_answer_for_anothers_and_for_what_is_not_there(self, door, acme):
        lab = door.lab()
        others = {"release": lab, "product": "lab", "vendor": "umbra"}
        nobodys = {"release": "lab-0", "product": "nothing", "vendor": "nobody"}
        missing = [acme.get(address) for address in addresses(door, **nobodys)]
        for address, none in zip(addresses(door, **others), missing, strict=True):
            if address == "/":
                continue
            answer = acme.get(address)
            assert answer.status_code == none.status_code == 404, address
            assert answer.text == none.text
        umbra = door.guest("umbra")
        assert umbra.get(f"/releases/{lab}").status_code == 200
        assert umbra.get("/systems/pas").status_code == 404

    def test_reaches_none_of_the_pages_of_the_trust(self, door, acme):
        release = door.wiring.qualify(door.wiring.offer()).id
        own = {one.path for one in door.app.routes}
        names = {"release": release, "product": "pas", "name": "evidence.json", "waiver": "W-001",
                 "token": "joy.x", "pending": "x"}  # fmt: skip
        theirs = [one for one in application(door.wiring).routes if one.path not in own]
        assert len(theirs) > 15
        for route in theirs:
            assert not isinstance(route, Mount)
            address = re.sub(
                r"\{(\w+)(:\w+)?\}", lambda found: names.get(found[1], "x"), route.path
            )
            assert acme.get(address).status_code == 404, address

    def test_is_nobody_at_the_door_of_the_trust(self, door, acme):
        trusts = Guest(door, "acme")
        trusts.app = application(door.wiring)
        trusts.cookies = acme.cookies
        assert SESSION in trusts.cookies
        assert "Signed in as" not in trusts.text("/")

    def test_reads_the_name_of_nobody_of_the_trust(self, door, acme):
        record = door.wiring.signed_off()
        for address in (f"/releases/{record.id}", "/systems/pas", "/"):
            page = acme.text(address)
            assert "Joy" not in page
            assert "Sam" not in page
        assert "2 sign-offs given" in acme.text(f"/releases/{record.id}")

    def test_reads_why_its_release_was_rejected_and_by_nobody(self, door, acme):
        record = door.wiring.qualify(door.wiring.offer())
        door.wiring.sign(record, "joy", meaning=Meaning.REJECTED, reason="It loses letters.")
        (*_, entry) = door.wiring.ledger.entries(record.id)
        door.wiring.ledger.append(Kind.REJECTED, record.id, entry.body)
        page = acme.text(f"/releases/{record.id}")
        assert "<blockquote>It loses letters.</blockquote>" in page
        assert "Joy" not in page

    def test_reads_which_check_its_release_did_not_pass(self, door, acme):
        record = door.wiring.signed_off()
        door.wiring.fail_at_sites("2.0", "general-hospital")
        door.wiring.promote(record)
        assert "suite failed after the deployment" in acme.text(f"/releases/{record.id}")

    @pytest.mark.parametrize(
        "body",
        [
            {"site": "", "cause": "Joy stopped the line before general-hospital"},
            {"site": "cottage-hospital", "cause": "the gate did not hold any more: Joy has left"},
        ],
    )
    def test_reads_not_who_ended_a_deployment(self, door, acme, body):
        record = door.wiring.signed_off()
        door.wiring.ledger.append(
            Kind.DEPLOYMENT_STARTED, record.id, {"sites": ["cottage-hospital"], "resume": False}
        )
        door.wiring.ledger.append(Kind.ROLLED_BACK, record.id, {**body, "verified": True})
        page = acme.text(f"/releases/{record.id}")
        assert "The trust ended its deployment." in page
        assert "Joy" not in page

    def test_is_signed_out_by_a_form_of_the_page(self, door, acme):
        assert acme.post("/sign-out", {"form_token": "0" * 64}).status_code == 403
        assert acme.get("/").status_code == 200
        assert acme.post("/sign-out", {}).status_code == 303
        assert acme.get("/").headers["location"] == "/sign-in"
        assert acme.post("/sign-out", {}).status_code == 401

    def test_is_signed_out_as_soon_as_the_key_is_revoked(self, door, acme):
        door.wiring.commit(door.vendor("acme", revoked="2025-06-01"))
        assert acme.get("/").status_code == 303

    def test_is_signed_out_when_the_documents_can_not_be_read(self, door, acme):
        door.wiring.commit({SIGNERS: b"schema: 2\n"})
        assert acme.get("/").status_code == 303

    def test_learns_nothing_of_what_went_wrong_inside(self, door, acme, monkeypatch):
        record = door.wiring.offer()

        def fails(*_: object) -> None:
            raise InfrastructureError("postgres at db.trust.example does not answer")

        monkeypatch.setattr(door.app.state.reader, "dossier", fails)
        answer = acme.get(f"/releases/{record.id}")
        assert answer.status_code == 503
        assert "trust.example" not in answer.text

    def test_reads_hostile_text_as_text(self, door, acme):
        record = door.wiring.qualify(door.wiring.offer(changes=[{"summary": HOSTILE}]))
        page = acme.text(f"/releases/{record.id}")
        assert "&lt;script&gt;alert(1)" in page
        assert HOSTILE not in page

    def test_takes_no_system_by_putting_its_manifest_into_its_own_folder(self, door, acme):
        lab = door.lab()
        stolen = manifest("3.0", product="lab", vendor="acme")
        door.wiring.commit({"vendor_manifests/acme/lab.yaml": stolen}, "acme")
        for address in ("/systems/lab", f"/releases/{lab}"):
            assert acme.get(address).status_code == 404
        door.wiring.commit({OTHERS: None, "vendor_manifests/acme/lab.yaml": stolen})
        assert acme.get(f"/releases/{lab}").status_code == 404

    def test_shows_a_system_that_can_not_be_handed_over(self, door, acme):
        door.wiring.commit({"environments/pas/gate.yaml": b"schema: 1\n"})
        assert "The line is open" in acme.text("/systems/pas")


class TestWhoIsNotSignedIn:
    def test_is_led_to_the_sign_in_whatever_is_asked_for(self, door):
        stranger, lab = Guest(door, "a-stranger"), door.lab()
        for names in ({"release": lab, "product": "lab"}, {"release": "no-1", "product": "no"}):
            for address in addresses(door, vendor="umbra", **names):
                answer = stranger.get(address)
                assert answer.status_code == 303, address
                assert answer.headers["location"] == "/sign-in"
                assert not answer.text

    def test_sees_nothing_but_what_is_open(self, door):
        stranger = Guest(door, "a-stranger")
        assert stranger.get("/healthz").text == "ok\n"
        assert stranger.get("/static/gatehouse.css").status_code == 200
        assert {one.path for one in door.app.routes} >= OPEN
        for word in ("pas-", "/systems/", "Acme", "Umbra"):
            assert word not in stranger.text("/sign-in").split("<main")[1]

    def test_is_told_where_the_text_signs_in(self, door):
        stranger = Guest(door, "a-stranger")
        stranger.get("/sign-in")
        assert stranger.asked.startswith("Sign in at http://localhost:4870 ")


class TestASignIn:
    def refused(self, guest: Guest, signature: str) -> str:
        answer = guest.post("/sign-in", {"signature": signature})
        assert answer.status_code == 403
        assert SESSION not in guest.cookies
        return answer.text.casefold()

    @pytest.fixture
    def visitor(self, door) -> Guest:
        guest = Guest(door, "acme")
        guest.get("/sign-in")
        return guest

    def test_with_a_strangers_key_is_refused(self, door):
        stranger = Guest(door, "a-stranger")
        stranger.get("/sign-in")
        assert "no vendor has this key" in self.refused(stranger, stranger.signature())

    def test_with_a_key_of_the_trust_is_refused(self, door, keys):
        entry = door.vendor("x", "joy")["vendor_manifests/x/vendor.yaml"]
        (key,) = yaml.safe_load(entry)["keys"]
        door.wiring.commit({SIGNERS: signers(joy=signer("joy", "safety", keys=[key]))})
        joy = Guest(door, "joy")
        joy.get("/sign-in")
        assert "no vendor has this key" in self.refused(joy, joy.signature())

    def test_with_a_key_that_two_vendors_have_on_file_is_refused(self, door, visitor):
        door.wiring.commit(door.vendor("umbra", "acme"))
        assert "no vendor has this key" in self.refused(visitor, visitor.signature())

    @pytest.mark.parametrize("changes", [{"valid_until": "2025-06-01"}, {"revoked": "2025-06-01"}])
    def test_with_a_key_that_is_good_no_more_is_refused(self, door, visitor, changes):
        door.wiring.commit(door.vendor("acme", **changes))
        assert "no vendor has this key" in self.refused(visitor, visitor.signature())

    @pytest.mark.parametrize("namespace", ["git", "clinops-sign-off", "file"])
    def test_with_a_signature_that_was_made_for_something_else_is_refused(self, visitor, namespace):
        signature = visitor.signature(namespace=namespace)
        assert "the signature was made for" in self.refused(visitor, signature)

    def test_with_a_signature_over_another_text_is_refused(self, visitor):
        signature = visitor.signature("Sign in at http://localhost:4870 x")
        assert "does not match" in self.refused(visitor, signature)

    def test_twice_with_one_signature_is_refused(self, door, visitor):
        signature = visitor.signature()
        assert visitor.post("/sign-in", {"signature": signature}).status_code == 303
        visitor.cookies.delete(SESSION)
        visitor.get("/sign-in")
        assert "does not match" in self.refused(visitor, signature)

    def test_with_the_text_of_another_browser_is_refused(self, door, visitor):
        other = Guest(door, "acme")
        other.get("/sign-in")
        assert "does not match" in self.refused(other, visitor.signature())

    def test_after_five_minutes_is_refused(self, door, visitor):
        signature = visitor.signature()
        door.wiring.clock.advance(PATIENCE.total_seconds())
        assert "too long ago" in self.refused(visitor, signature)

    @pytest.mark.parametrize("text", ["", "x", "-----BEGIN SSH SIGNATURE-----\n!\n-----END", "\n"])
    def test_with_something_that_is_no_signature_is_refused(self, visitor, text):
        assert "this is no ssh signature" in self.refused(visitor, text)

    def test_from_another_sites_page_is_refused(self, visitor):
        form = {"signature": visitor.signature()}
        answer = visitor.post("/sign-in", form, headers={"origin": "https://evil.example"})
        assert answer.status_code == 403
        assert SESSION not in visitor.cookies

    def test_is_tried_twenty_times_at_most(self, visitor):
        for _ in range(MOST_ATTEMPTS):
            self.refused(visitor, "x")
        assert visitor.post("/sign-in", {"signature": "x"}).status_code == 429


def test_there_is_no_door_where_none_was_asked_for(wiring, terminal):
    said = terminal.run("gatehouse", "--vendors")
    assert said.code == 2
    assert "set vendors_port in clinops.toml" in said.err


def test_both_doors_are_served_by_their_commands(wiring, terminal, monkeypatch):
    served: list[tuple[str, int]] = []
    monkeypatch.setattr(
        server, "serve", lambda app, port: served.append((app.state.door.name, port))
    )
    changes = {"vendors_port": 4870, "vendors": "https://vendors.trust.example/"}
    wiring.settings = wiring.settings.model_copy(update=changes)
    assert terminal.run("gatehouse").code == 0
    assert "https://vendors.trust.example" in terminal.run("gatehouse", "--vendors").err
    assert served == [("gatehouse", 4201), ("for vendors", 4870)]
