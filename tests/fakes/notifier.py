"""Messages that go nowhere, and can be told to get lost."""

from __future__ import annotations

from clinops.errors import InfrastructureError


class FakeNotifier:
    """Implements Notifier: keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str, str]] = []
        """Whom, title, text and link of every message."""
        self.down: set[str] = set()
        """Whom no message reaches."""

    def notify(self, whom: str, title: str, text: str, link: str) -> None:
        if whom in self.down:
            raise InfrastructureError(f"the reminder for {whom} was not taken")
        self.sent.append((whom, title, text, link))
