"""Counts again, from nothing but the `ledger` table and requests, what `clinops account` says.

Nothing of ClinOps is imported: SQLite, JSON and plain dictionaries. It is slow, and reads the rows
of a release as often as it likes, so that it has nothing in common with what it checks.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

from packaging.version import Version

FAILED = {"refused", "inconclusive"}
MOVES = {
    "qualification.started", "qualification.errored", "qualification.verdict", "gate.rejected",
    "deployment.started", "deployment.live", "deployment.rolled-back", "release.reopened",
    "release.superseded",
}  # fmt: skip


def apart(since, until):
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()


class Recount:
    def __init__(self, path: Path, now: str, requests: Sequence[dict] = ()):
        self.now = now
        self.requests = sorted(requests, key=lambda one: (one["commissioned"], one["id"]))
        with sqlite3.connect(path) as database:
            query = "SELECT sequence, time, kind, about, body FROM ledger ORDER BY sequence"
            self.rows = [(n, t, k, a, json.loads(b)) for n, t, k, a, b in database.execute(query)]
        database.close()
        self.known = [row for row in self.rows if row[2] == "release.known"]

    def of(self, release, *kinds, before=10**9):
        return [
            row
            for row in self.rows
            if row[3] == release and row[0] < before and (not kinds or row[2] in kinds)
        ]

    def pushed(self, release):
        (row,) = self.of(release, "release.known")
        return min(row[4].get("pushed", row[1]), row[1])

    def said(self, release):
        (row,) = self.of(release, "release.known")
        return row[4]

    def why_failed(self, release, before):
        moves = [row for row in self.of(release, before=before) if row[2] in MOVES]
        if not moves:
            return ""
        last = moves[-1]
        if last[2] in {"gate.rejected", "deployment.rolled-back"}:
            return last[2]
        if last[2] == "qualification.verdict" and last[4]["outcome"] in FAILED:
            return last[4]["outcome"]
        return ""

    def before(self, release):
        """The failed release that this one mends, or None."""
        (mine,) = self.of(release, "release.known")
        earlier = [
            row
            for row in self.known
            if row[0] < mine[0]
            and all(
                row[4]["release"][whose] == mine[4]["release"][whose]
                for whose in ("product", "vendor")
            )
        ]
        if earlier and self.why_failed(earlier[-1][3], mine[0]):
            return earlier[-1][3]
        return None

    def after(self, release):
        found = [row[3] for row in self.known if self.before(row[3]) == release]
        return found[0] if found else None

    def vendor_changed(self, one, other):
        first, second = (self.said(name)["release"]["inputs"] for name in (one, other))
        return any(first[part] != second[part] for part in ("manifest", "package"))

    def chain(self, release):
        found = [release]
        while earlier := self.before(found[0]):
            found.insert(0, earlier)
        return found

    def ends(self):
        """The last release of each change."""
        return [row[3] for row in self.known if self.after(row[3]) is None]

    # Requests

    def awaited(self, request):
        found = {one["product"]: one["version"] for one in request.get("releases", ())}
        fix = (request.get("fix") or {}).get("release")
        if fix and fix["product"] in request["systems"]:
            found.setdefault(fix["product"], fix["version"])
        return found if set(found) == set(request["systems"]) else {}

    def meeting(self, request):
        for product, version in self.awaited(request).items():
            for row in self.known:
                said = row[4]["release"]
                if said["product"] == product and Version(said["version"]) >= Version(version):
                    yield row[3]
                    if self.live(row[3]):
                        break

    def asked(self, chain):
        """The first request that any of these releases meets, or None."""
        asks = (one for one in self.requests if set(self.meeting(one)) & set(chain))
        return next(asks, None)

    def live(self, release):
        rows = self.of(release, "deployment.live")
        return rows[0][1] if rows else None

    def is_open(self, release):
        moves = [row[2] for row in self.of(release) if row[2] in MOVES]
        return not self.live(release) and moves[-1:] != ["release.superseded"]

    def split(self, end):
        """Seconds by cause, told second by second from a list of (time, cause) of the change."""
        marks = []
        asked = self.asked(self.chain(end))
        if asked:
            midnight = f"{asked['commissioned']}T00:00:00.000000+00:00"
            if midnight <= self.pushed(self.chain(end)[0]):
                marks.append((midnight, "vendor"))
        for release in self.chain(end):
            later = self.after(release)
            until = self.of(later, "release.known")[0][0] if later else 10**9
            marks += self.marks(release, until)
            if later:
                cause = "vendor" if self.vendor_changed(release, later) else "test"
                marks[-1] = (marks[-1][0], cause)
        if self.is_open(end):
            marks.append((self.now, ""))
        spent = dict.fromkeys(("vendor", "queue", "test", "sign-off", "window"), 0.0)
        clock = marks[0][0]
        for (_, cause), (until, _) in pairwise(marks):
            if until > clock:
                spent[cause] += apart(clock, until)
                clock = until
        return spent

    def marks(self, release, until):
        found = [(self.pushed(release), "queue")]
        outcomes = {"qualified": "sign-off", "refused": "vendor", "inconclusive": "test"}
        causes = {
            "qualification.started": "test",
            "qualification.errored": "queue",
            "gate.rejected": "vendor",
            "gate.signed": "sign-off",
            "deployment.rolled-back": "vendor",
            "release.reopened": "queue",
            "release.superseded": "vendor",
            "deployment.live": "",
        }
        for _, time, kind, _, body in self.of(release, before=until):
            if kind == "qualification.verdict":
                found.append((time, outcomes[body["outcome"]]))
            elif kind == "deployment.started":
                found[-1] = (found[-1][0], "window")
                found.append((time, "window"))
            elif kind in causes:
                found.append((time, causes[kind]))
            if kind == "deployment.live":
                break
        return found

    # Deployments

    def deployments(self):
        found = []
        for number, time, kind, release, body in self.rows:
            if kind not in {"deployment.live", "deployment.rolled-back"}:
                continue
            sites = self.of(release, "deployment.site-live", "deployment.site-rolled-back")
            if kind == "deployment.live" or sites or body["site"]:
                found.append((number, time, kind, release, body))
        return found

    def is_emergency(self, release):
        begun = [r for r in self.of(release, "deployment.started") if not r[4].get("resume")]
        return bool(begun) and (begun[-1][4].get("gate") or {}).get("route") == "emergency"

    def product(self, release):
        return self.said(release)["release"]["product"]

    def next_of_product(self, deployment):
        product = self.product(deployment[3])
        later = [
            one
            for one in self.deployments()
            if one[0] > deployment[0] and self.product(one[3]) == product
        ]
        return later[0] if later else None

    def was_hotfixed(self, deployment):
        after = self.next_of_product(deployment)
        if deployment[2] == "deployment.rolled-back" or after is None:
            return False
        soon = apart(deployment[1], after[1]) <= timedelta(days=14).total_seconds()
        return soon and self.is_emergency(after[3])

    def recovery(self, deployment):
        number, time, kind, release, body = deployment
        after = self.next_of_product(deployment)
        if kind == "deployment.rolled-back":
            begun = self.of(release, "deployment.started", "deployment.site-live", before=number)
            if body["verified"]:
                return apart(begun[-1][1], time)
            return apart(begun[-1][1], after[1] if after else self.now)
        return apart(self.pushed(after[3]), after[1]) if self.was_hotfixed(deployment) else None

    def is_unplanned(self, release):
        rolled_back = any(
            self.of(one, "deployment.rolled-back") for one in self.chain(release)[:-1]
        )
        return rolled_back or self.is_emergency(release)

    def dora(self, since, until, wanted=lambda said: True):
        """The five figures; since and until are days, until not part of it."""
        first, last = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (since, until))
        mine = [
            one
            for one in self.deployments()
            if first <= datetime.fromisoformat(one[1]) < last
            and wanted(self.said(one[3])["release"])
        ]
        over = min(last, max(first, datetime.fromisoformat(self.now)))
        days = max((over - first).total_seconds() / 86400, 1)
        failed = [o for o in mine if o[2] == "deployment.rolled-back" or self.was_hotfixed(o)]
        lead = [
            apart(self.pushed(self.chain(one[3])[0]), one[1])
            for one in mine
            if one[2] == "deployment.live"
        ]
        recovered = [self.recovery(one) for one in failed]
        return {
            "deployment_frequency": len(mine) * 30 / days,
            "lead_time": median(lead) if lead else None,
            "change_failure_rate": 100 * len(failed) / len(mine) if mine else None,
            "recovery_time": median(recovered) if recovered else None,
            "rework_rate": 100 * sum(self.is_unplanned(one[3]) for one in mine) / len(mine)
            if mine
            else None,
        }

    # Scorecards

    def cases(self, vendor):
        """Everything that can be kept or not: (measure, time, value), of one vendor."""
        mine = [end for end in self.ends() if self.said(end)["release"]["vendor"] == vendor]
        found = []
        for end in mine:
            chain = self.chain(end)
            found += self.cases_of_change(chain)
            for release in chain:
                found += self.cases_of_release(release)
        return found

    def verdicts(self, release):
        rows = self.of(release, "qualification.verdict")
        return [(row[1], row[4]["outcome"], row[4]["findings"]) for row in rows]

    def decided(self, release):
        yes_or_no = {"qualified", "refused"}
        return next((one for one in self.verdicts(release) if one[1] in yes_or_no), None)

    def was_ours(self, release):
        later = self.after(release)
        return later is not None and not self.vendor_changed(release, later)

    def is_superseded(self, release):
        moves = [row[2] for row in self.of(release) if row[2] in MOVES]
        return moves[-1:] == ["release.superseded"]

    def cases_of_change(self, chain):
        first = chain[0]
        verdict = self.decided(first)
        if verdict and not self.was_ours(first):
            yield "first-time-qualification", verdict[0], float(verdict[1] == "qualified")
        deadlines = [d for one in chain if (d := self.said(one)["offers"]["deadline"])]
        asked = (self.asked(chain) or {}).get("deadline")
        if asked:
            deadlines.append(str(asked["by"].astimezone(UTC).date()))
        if not deadlines:
            return
        day = min(deadlines)
        if self.said(first)["offers"]["kind"] != "security-patch":
            pushed = datetime.fromisoformat(self.pushed(first)).date()
            yield "notice-given", self.pushed(first), (date.fromisoformat(day) - pushed).days
        good = [
            (verdict[0], self.pushed(one))
            for one in chain
            for verdict in self.verdicts(one)
            if verdict[1] == "qualified"
        ]
        if good and good[0][1][:10] <= day:
            yield "clock-kept", good[0][0], 1.0
        elif day < self.now[:10] and not self.was_superseded_by(day, chain[-1]):
            yield "clock-kept", f"{day}T23:59:59.999999+00:00", 0.0

    def was_superseded_by(self, day, release):
        return self.is_superseded(release) and self.of(release)[-1][1][:10] <= day

    def cases_of_release(self, release):
        pushed, verdicts, later = self.pushed(release), self.verdicts(release), self.after(release)
        if verdicts:
            kinds = [finding["kind"] for finding in verdicts[-1][2]]
            number = kinds.count("undeclared-difference") + kinds.count("regression")
            yield "undeclared-differences", verdicts[-1][0], number
        verdict = self.decided(release)
        if verdict:
            yield "days-to-verdict", verdict[0], apart(pushed, verdict[0]) / 86400
        elif not later and not self.is_superseded(release):
            yield "days-to-verdict", self.now, apart(pushed, self.now) / 86400
        why = self.why_failed(release, 10**9)
        if why and why != "inconclusive" and not self.was_ours(release):
            failed = [row for row in self.of(release) if row[2] in MOVES][-1][1]
            until = self.pushed(later) if later else self.now
            when = self.of(later, "release.known")[0][1] if later else self.now
            yield "days-to-fix", when, max(apart(failed, until), 0) / 86400
        yield from self.sign_off(release)

    def sign_off(self, release):
        """From the last verdict that qualified to the last signature before what came of it."""
        rows = self.of(release)
        good = [
            row
            for row in rows
            if row[2] == "qualification.verdict" and row[4]["outcome"] == "qualified"
        ]
        if not good:
            return
        number, qualified = good[-1][:2]
        ends = {"deployment.started", "gate.rejected", "release.reopened", "release.superseded"}
        what = next((row for row in rows if row[0] > number and row[2] in ends), None)
        if what is None:
            until = self.now
        elif what[2] == "gate.rejected":
            until = what[1]
        elif what[2] == "deployment.started":
            signed = self.of(release, "gate.signed", before=what[0])
            until = max([qualified, *(row[1] for row in signed if row[0] > number)])
        else:
            return
        yield "days-to-sign-off", until, apart(qualified, until) / 86400

    def scorecard(self, vendor, since, until):
        """The figure of each measure, over the cases of some days; until is not part of it."""
        first, last = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (since, until))
        found = {}
        for measure, time, value in self.cases(vendor):
            if first <= datetime.fromisoformat(time) < last:
                found.setdefault(measure, []).append(value)
        fold = {
            "first-time-qualification": lambda values: 100 * mean(values),
            "clock-kept": lambda values: 100 * mean(values),
            "undeclared-differences": mean,
            "notice-given": min,
        }
        return {measure: fold.get(measure, max)(values) for measure, values in found.items()}
