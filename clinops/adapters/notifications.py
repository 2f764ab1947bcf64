"""Reminders by mail, chat or pager, through Apprise (port Notifier).

An address holds a secret: it stands in `clinops.toml` only, and nothing here repeats it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

import apprise
from pydantic import SecretStr

from clinops.errors import InfrastructureError

EVERYONE = "everyone"

# Apprise logs addresses that it can't read or reach.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


class AppriseNotifier:
    """Sends to the addresses of a role or a person, and to those of everyone."""

    def __init__(self, addresses: Mapping[str, Sequence[SecretStr]]) -> None:
        self._addresses = addresses
        self._asset = apprise.AppriseAsset(app_id="ClinOps", app_desc="ClinOps reminders")

    def notify(self, whom: str, title: str, text: str, link: str) -> None:
        """Send a message; raises InfrastructureError where nobody whom it is for got it."""
        own, all_others = self._addresses.get(whom, ()), self._addresses.get(EVERYONE, ())
        body = f"{text}\n\n{link}"
        if (first := own or all_others) and not self._reaches(first, title, body):
            raise InfrastructureError(
                f"the reminder for {whom} was not taken by any of {len(first)} address(es)",
                mend="clinops doctor   (see [notify] in clinops.toml)",
            )
        if own:
            # Whom it is for has it: sending all of it again would help nobody.
            self._reaches(all_others, title, body)

    def _reaches(self, addresses: Sequence[SecretStr], title: str, body: str) -> bool:
        # Not `any`: it would stop at the first that takes it.
        return sum(self._send(address, title, body) for address in addresses) > 0

    def _send(self, address: SecretStr, title: str, body: str) -> bool:
        one = apprise.Apprise(asset=self._asset)
        taken = one.add(address.get_secret_value())
        text = apprise.NotifyFormat.TEXT
        return taken and bool(one.notify(body=body, title=title, body_format=text))


def unreadable(addresses: Mapping[str, Sequence[SecretStr]]) -> Iterator[str]:
    """Say which addresses Apprise can't read: whose, and the how-manieth."""
    for whom, listed in addresses.items():
        for number, address in enumerate(listed, start=1):
            if not apprise.Apprise().add(address.get_secret_value()):
                yield f"[notify] {whom}, address {number}"
