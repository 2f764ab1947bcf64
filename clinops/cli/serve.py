"""`up`, `down`, `status`, `doctor`: the embedded server, worker and gatehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from clinops.cli.context import AsJson, next_step, of, print_json, say, show
from clinops.errors import RefusedError
from clinops.wiring import Wiring

if TYPE_CHECKING:
    from clinops.adapters.embedded import Embedded


def register(app: typer.Typer) -> None:
    """Put the commands on the root."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(doctor)


def up(context: typer.Context) -> None:
    """Start Prefect's server, a worker and the gatehouse on loopback, and deploy the flows.

    Example: [bold]clinops --estate DIR up[/bold]
    """
    shared = of(context)
    _embedded(shared.wiring).up(say)
    for name, address in _addresses(shared.wiring).items():
        show(f"{name:10} {address}")
    next_step(f"git push to {shared.wiring.root / shared.wiring.settings.repository}")


def down(context: typer.Context) -> None:
    """Stop what `up` started.

    Example: [bold]clinops --estate DIR down[/bold]
    """
    shared = of(context)
    stopped = _embedded(shared.wiring).down()
    show(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


def status(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Say what runs, what is live, and what waits.

    Example: [bold]clinops --estate DIR status --json[/bold]
    """
    wiring = of(context).wiring
    state = {
        "processes": _embedded(wiring).status(),
        "ui": wiring.settings.ui,
        "login": str(wiring.settings.password_file(wiring.root) or ""),
        "gatehouse": wiring.settings.gatehouse_address,
        "live": [system.json_value() for system in wiring.ledger.live()],
        "open": {
            record.id: record.state.value
            for record in wiring.ledger.releases()
            if record.state.value not in {"live", "refused", "rejected", "rolled-back"}
        },
    }
    if as_json:
        print_json(state)
        return
    for name, running in state["processes"].items():  # type: ignore[attr-defined]
        show(f"{name:10} {'running' if running else 'stopped'}")
    for name, address in _addresses(wiring).items():
        show(f"{name:10} {address}")
    for system in wiring.ledger.live():
        show(f"live       {system.product} {system.version} at {system.site}")
    for release, where in state["open"].items():  # type: ignore[attr-defined]
        show(f"open       {release}: {where}")


def _embedded(wiring: Wiring) -> Embedded:
    from clinops.adapters.embedded import Embedded

    return Embedded(wiring.root, wiring.settings)


def _addresses(wiring: Wiring) -> dict[str, str]:
    """Say where people find what runs; of the password, only where it is."""
    settings = wiring.settings
    found = {"pages": settings.gatehouse_address, "Prefect UI": settings.ui}
    if file := settings.password_file(wiring.root):
        found["its login"] = f"the line in {file}"
    return found


def doctor(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Say what this machine lacks, and the command that mends it.

    Example: [bold]clinops doctor[/bold]
    """
    from clinops.adapters.doctor import examine

    found = examine(of(context).estate)
    if as_json:
        print_json([check._asdict() for check in found])
    else:
        for check in found:
            show(f"{'ok     ' if check.good else 'MISSING'} {check.what}")
            if not check.good:
                show(f"        mend: {check.mend}")
    if not all(check.good for check in found):
        raise RefusedError("this machine lacks something", mend="run the commands above")
