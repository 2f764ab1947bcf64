"""Whose keys may sign commits, as one commit of the protected branch has it."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from clinops.domain.parsing import parse
from clinops.domain.signer import Key, Signer, Signers, Vendor, fingerprint, without_comment
from clinops.ports import EstateTree

SIGNERS = "environments/signers.yaml"
_VENDOR_FILE = re.compile(r"vendor_manifests/([a-z0-9][a-z0-9-]{0,62})/vendor\.yaml")


@dataclass(frozen=True)
class Keyring:
    """The keys that count, and why others do not."""

    holders: dict[str, str]
    """Who holds a key: `<type> <base64>` → `vendor:<name>` or `trust:<id>`."""
    pushers: frozenset[str]
    """Principals of the trust whose commits may change the estate beyond manifests."""
    unusable: dict[str, str]
    """Why a key that is on file does not count, by its fingerprint."""

    @classmethod
    def of(cls, tree: EstateTree, today: dt.date, *, revoked: Collection[str] = ()) -> Keyring:
        """Read the keys of a tree.

        Args:
            tree: The estate at a commit of the protected branch.
            today: The day on which the keys must be valid.
            revoked: Keys that were revoked after that commit, as `revoked_keys` gives them.
        """
        trust = _trust(tree)
        filed: defaultdict[str, list[tuple[str, Key]]] = defaultdict(list)
        for principal, key in [*_keys_of_trust(trust), *_keys_of_vendors(tree)]:
            filed[without_comment(key.public)].append((principal, key))
        usable, unusable = {}, {}
        for public, entries in filed.items():
            reason = "was revoked" if public in revoked else _why_not(entries, today)
            if reason:
                unusable[fingerprint(public)] = reason
            else:
                usable[public] = entries[0][0]
        pushers = frozenset(f"trust:{name}" for name, signer in trust.items() if signer.may_push)
        return cls(usable, pushers, unusable)

    def of_the_trust(self) -> Keyring:
        """Leave only the trust's own keys."""
        own = {key: holder for key, holder in self.holders.items() if holder.startswith("trust:")}
        return Keyring(own, self.pushers, self.unusable)

    def allowed_signers(self) -> str:
        """Write the file that `gpg.ssh.allowedSignersFile` names.

        Validity is not written: git would judge it by the commit's own date, which the committer
        chooses. Only keys that are valid today are in here at all.
        """
        lines = [f'{who} namespaces="git" {key}\n' for key, who in sorted(self.holders.items())]
        return "".join(lines)


def revoked_keys(tree: EstateTree) -> frozenset[str]:
    """Return the keys that a tree says are revoked, in the form of `Keyring.holders`."""
    filed = [*_keys_of_trust(_trust(tree)), *_keys_of_vendors(tree)]
    return frozenset(without_comment(key.public) for _, key in filed if key.revoked is not None)


def _trust(tree: EstateTree) -> dict[str, Signer]:
    if not tree.exists(SIGNERS):
        return {}
    return parse(SIGNERS, tree.read(SIGNERS), Signers).signers


def _keys_of_trust(trust: dict[str, Signer]) -> Iterator[tuple[str, Key]]:
    for name, signer in trust.items():
        yield from ((f"trust:{name}", key) for key in signer.keys)


def _keys_of_vendors(tree: EstateTree) -> Iterator[tuple[str, Key]]:
    for path in tree.paths("vendor_manifests"):
        if found := _VENDOR_FILE.fullmatch(path):
            vendor = parse(path, tree.read(path), Vendor)
            yield from ((f"vendor:{found[1]}", key) for key in vendor.keys)


def _why_not(entries: Sequence[tuple[str, Key]], today: dt.date) -> str:
    principals = sorted({principal for principal, _ in entries})
    if len(principals) > 1:
        # It would identify neither of them.
        return f"is on file for more than one signer: {', '.join(principals)}"
    if any(key.revoked is not None for _, key in entries):
        return f"of {principals[0]} was revoked"
    if not any(key.usable_on(today) for _, key in entries):
        return f"of {principals[0]} is not valid on {today}"
    return ""
