"""Enrolment: a link that works once, and a change that only people put into force."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import yaml

from clinops.adapters.git_proposals import GitProposals
from clinops.adapters.signers_text import extended
from clinops.domain.enrolment import NewKey, changes_in_words
from clinops.domain.ledger import Kind
from clinops.domain.parsing import parse
from clinops.domain.signer import Registration, Signers, fingerprint, key_code
from clinops.errors import BadInputError, InfrastructureError, NotFoundError, RefusedError
from clinops.ports import Proposals
from flows import enrolment
from tests.fakes.authenticator import Authenticator
from tests.fakes.git_estate import GitEstate
from tests.fakes.proposals import FakeProposals
from tests.fakes.wiring import KEYS, SIGNERS, FakeWiring, document, signer, signers

GMC = Registration(body="GMC", number="0000001")


@pytest.fixture
def wiring(tmp_path) -> FakeWiring:
    return FakeWiring(tmp_path)


def new_key() -> NewKey:
    passkey = Authenticator()
    return NewKey(public=passkey.public, credential=passkey.credential_id)


def invite(wiring: FakeWiring, who: str = "ada", **changes: Any) -> str:
    person: dict[str, Any] = {"name": "Dr Ada", "roles": ["safety"], "registration": GMC}
    return enrolment.invite(who, wiring, **{**person, "invited_by": "root", **changes})


def on_branch(wiring: FakeWiring, branch: str = "enrol/ada") -> Signers:
    data = wiring.proposals.branches[branch][SIGNERS]
    assert data is not None
    return parse(SIGNERS, data, Signers)


def on_main(wiring: FakeWiring) -> Signers:
    return wiring.estate(wiring.repository.head()).signers()


class TestInvitation:
    def test_leads_to_what_was_proposed(self, wiring):
        found = enrolment.invitation(invite(wiring), wiring)
        assert (found.signer, found.name, found.roles) == ("ada", "Dr Ada", ("safety",))
        assert (found.registration, found.invited_by, found.valid_days) == (GMC, "root", 365)

    def test_the_ledger_has_no_token(self, wiring):
        token = invite(wiring)
        (entry,) = wiring.ledger.entries("ada")
        assert entry.kind is Kind.SIGNER_INVITED
        assert token.partition(".")[2] not in str(entry.body)

    def test_no_two_links_are_the_same(self, wiring):
        assert len({invite(wiring) for _ in range(20)}) == 20

    def test_runs_out(self, wiring):
        token = invite(wiring, hours=48)
        wiring.clock.advance(48 * 3600 - 1)
        assert enrolment.invitation(token, wiring).signer == "ada"
        wiring.clock.advance(1)
        for act in (enrolment.invitation, lambda t, w: enrolment.complete(t, new_key(), w)):
            with pytest.raises(RefusedError, match="was good until 2025-06-12 12:00 UTC"):
                act(token, wiring)

    def test_gives_way_to_a_newer_one(self, wiring):
        first, second = invite(wiring), invite(wiring)
        with pytest.raises(RefusedError, match="newer link"):
            enrolment.invitation(first, wiring)
        assert enrolment.invitation(second, wiring).signer == "ada"

    @pytest.mark.parametrize("change", [
        lambda t: "", lambda t: "ada", lambda t: "ada.", lambda t: t[:-1], lambda t: t + "A",
        lambda t: t[:-2] + ("AA" if t[-2:] != "AA" else "BB"), lambda t: "\ud800" + t,
        lambda t: t.replace("ada", "joy"), lambda t: t.replace("ada", "ADA"), lambda t: t + "\n",
        lambda t: t.replace("ada", "estate"), lambda t: t * 1000,
    ])  # fmt: skip
    def test_of_another_link_says_nothing_but_that_it_is_not_valid(self, wiring, change):
        token = invite(wiring)
        with pytest.raises(RefusedError, match=r"^this link is not valid$"):
            enrolment.invitation(change(token), wiring)

    @pytest.mark.parametrize("change", [
        {"name": None}, {"roles": []}, {"name": " "}, {"name": "Ada\x1b[2J"}, {"name": "Ada\n"},
        {"roles": ["Safety Officer"]}, {"valid_days": 0}, {"valid_days": 99_999},
        {"name": "A" * 201}, {"hours": 10**12},
    ])  # fmt: skip
    def test_of_nobody_in_particular_is_bad_input(self, wiring, change):
        with pytest.raises(BadInputError):
            invite(wiring, **change)
        assert list(wiring.ledger.entries()) == []

    def test_of_an_id_of_another_form_is_bad_input(self, wiring):
        with pytest.raises(BadInputError, match="lower-case letters"):
            invite(wiring, "Ada Lovelace")

    def test_of_somebody_on_file_takes_name_and_roles_from_there(self, wiring):
        token = invite(wiring, "joy", name="Dr Evil", roles=["operations"])
        found = enrolment.invitation(token, wiring)
        assert (found.name, found.roles) == ("Joy", ("safety", "operations"))
        assert found.registration is None


class TestComplete:
    def test_changes_nothing_that_is_in_force(self, wiring):
        before = wiring.repository.head()
        key = new_key()
        proposal = enrolment.complete(invite(wiring), key, wiring)
        assert wiring.repository.head() is before
        assert (proposal.signer, proposal.key.code) == ("ada", key_code(key.public))
        assert [kind.value for kind in wiring.kinds("ada")] == ["signer.invited", "signer.enrolled"]
        body = wiring.last_body("ada")
        assert (body["key"], body["code"]) == (key.json_value(), key.code)

    def test_proposes_the_person_on_a_branch(self, wiring):
        key = new_key()
        enrolment.complete(invite(wiring, valid_days=30), key, wiring)
        after = on_branch(wiring)
        person = after.signers["ada"]
        assert (person.name, person.roles, person.registration) == ("Dr Ada", ["safety"], GMC)
        assert (person.may_push, person.demonstration) == (False, False)
        (filed,) = person.keys
        assert (filed.public, filed.credential) == (key.public, key.credential)
        assert (filed.valid_from, filed.valid_until) == (dt.date(2025, 6, 10), dt.date(2025, 7, 10))
        rest = {who: one for who, one in after.signers.items() if who != "ada"}
        assert rest == on_main(wiring).signers

    def test_adds_a_key_to_somebody_on_file_and_changes_nothing_else(self, wiring):
        key = new_key()
        enrolment.complete(invite(wiring, "joy", name=None, roles=[]), key, wiring)
        before, after = on_main(wiring), on_branch(wiring, "enrol/joy")
        assert after.signers["joy"].keys[:-1] == before.signers["joy"].keys
        assert after.signers["joy"].keys[-1].public == key.public
        kept = after.signers["joy"].model_copy(update={"keys": before.signers["joy"].keys})
        assert {**after.signers, "joy": kept} == before.signers

    def test_keeps_a_demonstrations_label(self, wiring):
        enrolment.complete(invite(wiring, demonstration=True), new_key(), wiring)
        assert on_branch(wiring).signers["ada"].demonstration

    def test_closes_the_link(self, wiring):
        token, key = invite(wiring), new_key()
        enrolment.complete(token, key, wiring)
        for again in (key, new_key()):
            with pytest.raises(RefusedError, match="has been used"):
                enrolment.complete(token, again, wiring)
        assert enrolment.proposal_of("ada", wiring).key == key

    def test_of_two_at_once_the_first_on_the_ledger_counts(self, wiring, monkeypatch):
        token, mine, theirs = invite(wiring), new_key(), new_key()
        append = wiring.ledger.append

        def overtaken(kind, subject, body):
            monkeypatch.setattr(wiring.ledger, "append", append)
            enrolment.complete(token, theirs, wiring)
            return append(kind, subject, body)

        monkeypatch.setattr(wiring.ledger, "append", overtaken)
        with pytest.raises(RefusedError, match="has been used"):
            enrolment.complete(token, mine, wiring)
        assert enrolment.proposal_of("ada", wiring).key == theirs
        assert on_branch(wiring).signers["ada"].keys[0].public == theirs.public

    def test_takes_no_key_that_is_on_file(self, wiring):
        key = new_key()
        enrolment.complete(invite(wiring), key, wiring)
        wiring.commit(wiring.proposals.branches["enrol/ada"])
        for who in ("ada", "joy", "zoe"):
            with pytest.raises(RefusedError, match="on file already"):
                enrolment.complete(invite(wiring, who), key, wiring)

    def test_loses_nothing_where_the_branch_cannot_be_made(self, wiring):
        class BrokenProposals(FakeProposals):
            def propose(self, *arguments):
                raise InfrastructureError("the disk is full")

        wiring.proposals = BrokenProposals()
        key = new_key()
        enrolment.complete(invite(wiring), key, wiring)
        assert enrolment.proposal_of("ada", wiring).key == key


class TestWaiting:
    def test_ends_when_somebody_lets_the_key_in(self, wiring):
        proposal = enrolment.complete(invite(wiring), new_key(), wiring)
        assert enrolment.proposals(wiring) == [proposal]
        wiring.commit({SIGNERS: enrolment.proposed(proposal, wiring)})
        assert enrolment.proposals(wiring) == []
        with pytest.raises(NotFoundError, match="nothing waits for ada"):
            enrolment.proposal_of("ada", wiring)

    def test_is_no_way_back_for_a_revoked_key(self, wiring):
        proposal = enrolment.complete(invite(wiring), new_key(), wiring)
        wiring.commit({SIGNERS: enrolment.proposed(proposal, wiring)})
        wiring.commit({SIGNERS: enrolment.revoked("ada", None, wiring)})
        assert enrolment.proposals(wiring) == []

    def test_the_last_answer_of_a_person_counts(self, wiring):
        enrolment.complete(invite(wiring), new_key(), wiring)
        key = new_key()
        enrolment.complete(invite(wiring), key, wiring)
        assert [one.key for one in enrolment.proposals(wiring)] == [key]

    def test_follows_what_else_changes_on_the_protected_branch(self, wiring):
        proposal = enrolment.complete(invite(wiring), new_key(), wiring)
        wiring.commit({SIGNERS: signers(kim=signer("sam", "porter"))})
        after = parse(SIGNERS, enrolment.proposed(proposal, wiring), Signers)
        assert {"ada", "kim"} <= after.signers.keys()

    def test_open_invitations_are_listed_until_they_are_answered_or_run_out(self, wiring):
        answered = invite(wiring)
        invite(wiring, "zoe", hours=1)
        assert [one.signer for one in enrolment.invitations(wiring)] == ["ada", "zoe"]
        enrolment.complete(answered, new_key(), wiring)
        assert [one.signer for one in enrolment.invitations(wiring)] == ["zoe"]
        wiring.clock.advance(3600)
        assert enrolment.invitations(wiring) == []


class TestRevocation:
    def test_is_of_all_keys_or_of_one(self, wiring):
        proposal = enrolment.complete(invite(wiring, "joy"), new_key(), wiring)
        wiring.commit({SIGNERS: enrolment.proposed(proposal, wiring)})
        ssh, passkey = on_main(wiring).signers["joy"].keys
        today = dt.date(2025, 6, 10)

        def days(wanted: str | None) -> list[dt.date | None]:
            after = parse(SIGNERS, enrolment.revoked("joy", wanted, wiring), Signers)
            return [key.revoked for key in after.signers["joy"].keys]

        assert days(None) == [today, today]
        assert days(fingerprint(passkey.public)) == [None, today]
        assert days(fingerprint(ssh.public)) == [today, None]

    def test_needs_somebody_with_a_key_that_is_not_revoked(self, wiring):
        with pytest.raises(NotFoundError, match="no signer ada"):
            enrolment.revoked("ada", None, wiring)
        with pytest.raises(NotFoundError, match="has no key SHA256:x"):
            enrolment.revoked("joy", "SHA256:x", wiring)
        wiring.commit({SIGNERS: enrolment.revoked("joy", None, wiring)})
        with pytest.raises(NotFoundError, match="that is not revoked"):
            enrolment.revoked("joy", None, wiring)


def test_only_who_may_push_decides(wiring):
    assert enrolment.pusher(KEYS.public_key("ops"), wiring)[0] == "ops"
    for who in ("joy", "stranger"):
        with pytest.raises(RefusedError, match="nobody who may push"):
            enrolment.pusher(KEYS.public_key(who), wiring)


FILE = """\
# Who may sign.
schema: 1   # the first

signers:
  # The archive's safety officer.
  joy:
    name: Dr Joy      # not Ms
    roles: [safety]
    keys:
      - public: one   # her laptop
        since: 2025-01-01
        # revoked: 2025-06-30
      - public: two
    may_push: false
  # Nights only.
  sam:
    name: Sam
    keys:
    - public: three
"""


class TestText:
    def test_a_person_is_put_behind_the_last(self):
        entry = {"name": "Ada: on call", "number": "007", "since": dt.date(2025, 1, 1)}
        made = extended("f", FILE.encode(), ("signers",), {"ada": entry}).decode()
        added = '  ada:\n    name: "Ada: on call"\n    number: "007"\n    since: 2025-01-01\n'
        assert made == FILE + added.replace('"Ada: on call"', "'Ada: on call'")

    def test_a_key_is_put_behind_the_persons_last(self):
        key = {"public": f"k {'x' * 300}"}
        made = extended("f", FILE.encode(), ("signers", "joy", "keys"), [key]).decode()
        line = "      - public: two\n"
        assert made == FILE.replace(line, f"{line}      - public: {key['public']}\n")
        made = extended("f", FILE.encode(), ("signers", "sam", "keys"), [key]).decode()
        assert made == FILE + f"    - public: {key['public']}\n"

    def test_a_revocation_is_put_behind_the_keys_last_line(self):
        at = ("signers", "joy", "keys", 0)
        made = extended("f", FILE.encode(), at, {"revoked": dt.date(2025, 6, 1)}).decode()
        line = "        since: 2025-01-01\n"
        assert made == FILE.replace(line, f"{line}        revoked: 2025-06-01\n")

    @pytest.mark.parametrize(
        "text",
        [
            "# Nobody yet.\nschema: 1\nsigners: {}\n",
            "# Nobody yet.\nschema: 1\nsigners: {joy: {name: Joy}}\n",
            "# Nobody yet.\n\n{schema: 1, signers: {}}",
            "# Nobody yet.\nsigners:\n  joy:\n    name: |\n      Joy\nschema: 1\n",
        ],
    )
    def test_what_has_no_line_to_stand_behind_is_written_anew_below_its_heading(self, text):
        made = extended("f", text.encode(), ("signers",), {"ada": {"name": "Ada"}}).decode()
        assert made.startswith("# Nobody yet.\n")
        before = yaml.safe_load(text)
        before["signers"]["ada"] = {"name": "Ada"}
        assert yaml.safe_load(made) == before

    def test_a_file_without_an_end_of_line_is_continued(self):
        made = extended("f", b"signers:\n  joy:\n    name: Joy", ("signers",), {"ada": {"n": 1}})
        assert made == b"signers:\n  joy:\n    name: Joy\n  ada:\n    n: 1\n"

    def test_lines_of_windows_stay(self):
        text = FILE.replace("\n", "\r\n").encode()
        made = extended("f", text, ("signers",), {"ada": {"name": "Ada"}})
        assert made.startswith(text)

    @pytest.mark.parametrize(
        "number", ["0000000", "1e3", "0x10", "true", "null", "~", "2025-01-01", "007", "yes", "1_0"]
    )
    def test_text_stays_text(self, number):
        file = document({"schema": 1, "signers": {"joy": signer("joy", "safety")}})
        registration = {"body": "GMC", "number": number}
        made = extended("f", file, ("signers", "joy"), {"registration": registration})
        person = parse("f", made, Signers).signers["joy"]
        assert person.registration == Registration(body="GMC", number=number)

    def test_what_no_file_may_hold_is_bad_input(self):
        with pytest.raises(BadInputError, match="can't be written"):
            extended("f", FILE.encode(), ("signers",), {"ada": {"name": "Ada\u202e"}})


class TestWords:
    def words(self, before: dict[str, Any], after: dict[str, Any]) -> str:
        files = [document({"schema": 1, "signers": people}) for people in (before, after)]
        return "\n".join(changes_in_words(*(parse("f", data, Signers) for data in files)))

    def test_say_all_of_a_new_person(self):
        ada = signer("joy", "safety", registration={"body": "GMC", "number": "1"}, may_push=True)
        said = self.words({}, {"ada": ada})
        code = key_code(KEYS.public_key("joy"))
        for words in ("ada is NEW", "name becomes Joy", "roles becomes safety", "GMC, 1"):
            assert words in said
        for words in ("may_push becomes yes", "a NEW SSH key", code):
            assert words in said
        assert "demonstration" not in said

    def test_say_what_changes_of_a_person(self):
        joy = signer("joy", "safety", may_push=True)
        changed = {**joy, "roles": ["operations", "safety"], "may_push": False, "name": "Eve"}
        said = self.words({"joy": joy}, {"joy": changed})
        assert "roles becomes operations, safety; it was safety" in said
        assert "may_push becomes no; it was yes" in said
        assert "name becomes Eve; it was Joy" in said

    def test_say_what_changes_of_keys(self):
        joy, sam = signer("joy", "safety"), signer("sam", "safety")
        swapped = {**joy, "keys": sam["keys"]}
        said = self.words({"joy": joy}, {"joy": swapped})
        assert f"the key {fingerprint(KEYS.public_key('joy'))} is REMOVED" in said
        assert f"a NEW SSH key, {fingerprint(KEYS.public_key('sam'))}" in said
        (key,) = joy["keys"]
        later = {**joy, "keys": [{**key, "valid_until": dt.date(2030, 1, 1)}]}
        assert "becomes valid from 2025-01-28 until 2030-01-01" in self.words(
            {"joy": joy}, {"joy": later}
        )
        gone = {**joy, "keys": [{**key, "revoked": dt.date(2025, 3, 1)}]}
        assert "REVOKED on 2025-03-01" in self.words({"joy": joy}, {"joy": gone})
        named = {**joy, "keys": [{**key, "public": f"{key['public']} laptop"}]}
        assert "another comment" in self.words({"joy": joy}, {"joy": named})

    def test_say_who_is_gone_and_nothing_where_nothing_changes(self):
        joy = signer("joy", "safety")
        assert self.words({"joy": joy}, {}) == "joy is REMOVED, with every key"
        assert self.words({"joy": joy}, {"joy": joy}) == ""

    def test_name_a_passkeys_site(self):
        passkey = Authenticator(rp="gate.trust.example")
        joy = signer("joy", "safety")
        more = passkey.entry(valid_from=dt.date(2025, 1, 1), valid_until=dt.date(2025, 2, 1))
        said = self.words({"joy": joy}, {"joy": {**joy, "keys": [*joy["keys"], more]}})
        assert "a NEW passkey for gate.trust.example" in said


@pytest.mark.parametrize("kind", ["real", "fake"])
def test_a_proposal_stays_until_it_is_replaced_or_withdrawn(estate: GitEstate, kind: str):
    real = GitProposals(estate.path, estate.branch)
    proposals: Proposals = real if kind == "real" else FakeProposals()
    proposals.withdraw("enrol/ada")
    assert proposals.tip("enrol/ada") is None
    tips = set()
    for data in (b"one", b"two"):
        proposals.propose("enrol/ada", {SIGNERS: data}, "Propose")
        tips.add(proposals.tip("enrol/ada"))
    assert len(tips) == 2
    assert proposals.tip("enrol/joy") is None
    proposals.withdraw("enrol/ada")
    assert proposals.tip("enrol/ada") is None


def test_a_proposal_is_an_unsigned_commit_beside_the_protected_branch(estate: GitEstate):
    before = estate.tip()
    GitProposals(estate.path, estate.branch).propose("enrol/ada", {SIGNERS: b"one"}, "Propose")
    assert estate.tip() == before
    assert estate.git("rev-parse", "enrol/ada^") == before
    assert estate.git("show", f"enrol/ada:{SIGNERS}") == "one"
    assert estate.git("diff", "--name-only", before, "enrol/ada") == SIGNERS
    assert estate.git("log", "-1", "--format=%an %G?", "enrol/ada") == "ClinOps gatehouse N"
