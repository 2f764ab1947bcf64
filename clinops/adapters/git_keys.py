"""Whose keys may sign commits, as one commit of the protected branch has it."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from clinops.adapters.estate import SIGNERS, Estate
from clinops.domain.signer import Key, Signer, fingerprint, is_passkey, without_comment
from clinops.ports import EstateTree

KEY_FILES = (SIGNERS, "vendor_manifests")
"""Where the files lie that have keys."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""A folder of another name is nobody: OpenSSH would read some characters as a pattern."""


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
        estate = Estate(tree)
        filed: defaultdict[str, list[tuple[str, Key]]] = defaultdict(list)
        for principal, key in _filed(estate):
            filed[without_comment(key.public)].append((principal, key))
        usable, unusable = {}, {}
        for public, entries in filed.items():
            if reason := _why_not(entries, today, revoked=public in revoked):
                unusable[fingerprint(public)] = reason
            else:
                usable[public] = entries[0][0]
        trust = _trust(estate).items()
        pushers = frozenset(f"trust:{name}" for name, signer in trust if signer.may_push)
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


def filed_keys(tree: EstateTree) -> dict[str, set[str]]:
    """Return everybody who has a key on file in a tree, valid or not, by its fingerprint."""
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for principal, key in _filed(Estate(tree)):
        holders[fingerprint(key.public)].add(principal)
    return dict(holders)


def revoked_keys(tree: EstateTree) -> frozenset[str]:
    """Return the keys that a tree says are revoked, in the form of `Keyring.holders`."""
    filed = _filed(Estate(tree))
    return frozenset(without_comment(key.public) for _, key in filed if key.revoked is not None)


def _trust(estate: Estate) -> dict[str, Signer]:
    return estate.signers().signers if estate.tree.exists(SIGNERS) else {}


def _filed(estate: Estate) -> Iterator[tuple[str, Key]]:
    """Yield the keys that may sign commits: passkeys can't, and git must never meet one."""
    for name, signer in _trust(estate).items():
        own = (key for key in signer.keys if not is_passkey(key.public))
        yield from ((f"trust:{name}", key) for key in own)
    for name, vendor in estate.vendors().items():
        if _NAME.fullmatch(name):
            yield from ((f"vendor:{name}", key) for key in vendor.keys)


def _why_not(entries: Sequence[tuple[str, Key]], today: dt.date, *, revoked: bool) -> str:
    principals = sorted({principal for principal, _ in entries})
    if len(principals) > 1:
        # It would identify neither of them.
        return f"is on file for more than one signer: {', '.join(principals)}"
    if revoked or any(key.revoked is not None for _, key in entries):
        return f"of {principals[0]} was revoked"
    if not any(key.usable_on(today) for _, key in entries):
        return f"of {principals[0]} is not valid on {today}"
    return ""
