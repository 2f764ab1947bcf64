"""Settings of a served estate: `clinops.toml` in its folder."""

from __future__ import annotations

import os
import secrets
import tomllib
import uuid
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from clinops.errors import BadInputError, NotFoundError, Problem

FILE = "clinops.toml"
ELSEWHERE = "CLINOPS_PREFECT_AUTH"
"""Environment variable with the `user:password` of a Prefect server that is run elsewhere."""


class Settings(BaseModel):
    """What an administrator may change; paths are relative to the estate's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    estate: str = Field(pattern=r"^[0-9a-f]{12}$")
    """Identity of this estate; several may share one Docker engine."""
    repository: str = "estate.git"
    branch: str = "main"
    database: str = "sqlite:///state/ledger.sqlite"
    """SQLAlchemy URL; `sqlite:///` with a relative path is below the estate's folder."""
    evidence: str = "state/evidence"
    drop: str = "drop"
    """Where vendors' image archives are put."""
    port: int = Field(default=4200, ge=1, le=65534)
    """Loopback port of the embedded Prefect server."""
    gatehouse_port: int | None = Field(default=None, ge=1, le=65535)
    """Loopback port of the gatehouse; by default the one after Prefect's."""
    gatehouse: str | None = None
    """Address of the gatehouse as people reach it (`https://…`), behind a TLS proxy."""
    vendors_port: int | None = Field(default=None, ge=1, le=65535)
    """Loopback port of the vendors' door; none: there is no such door."""
    vendors: str | None = None
    """Address of the vendors' door as they reach it (`https://…`), behind a TLS proxy."""
    server: str | None = None
    """API address of a Prefect server that is run elsewhere; then `up` starts none."""
    suite_seconds: int = Field(default=900, ge=1)
    """Time limit of one suite."""
    advisories_days: int = Field(default=7, ge=1, le=365)
    """Days after which imported advisories are stale: nothing is clean by them any more."""
    notify: dict[str, list[SecretStr]] = {}
    """Where reminders go: addresses for Apprise by role or signer's id, and of `everyone`."""

    @property
    def api(self) -> str:
        """Address of the Prefect API."""
        return self.server or f"http://127.0.0.1:{self.port}/api"

    @property
    def ui(self) -> str:
        """Address of the Prefect UI."""
        return self.api.removesuffix("/api")

    @property
    def gatehouse_address(self) -> str:
        """Address of the gatehouse, for links; by name, because passkeys bind to a name."""
        own = f"http://localhost:{self.gatehouse_listens}"
        return (self.gatehouse or own).rstrip("/")

    @property
    def gatehouse_listens(self) -> int:
        """Loopback port of the gatehouse."""
        return self.gatehouse_port or self.port + 1

    @property
    def vendors_address(self) -> str:
        """Address of the vendors' door, where there is one."""
        return (self.vendors or f"http://localhost:{self.vendors_port}").rstrip("/")

    def password_file(self, root: Path) -> Path | None:
        """Return the file with the embedded Prefect server's `user:password`; none elsewhere."""
        return None if self.server else root / "state" / "prefect-password"

    def prefect_auth(self, root: Path) -> tuple[str, str] | None:
        """Return user and password of the Prefect server; none where none is set.

        Raises:
            BadInputError: What is set is not `user:password`.
        """
        file = self.password_file(root)
        text = _text_of(file) if file else os.environ.get(ELSEWHERE, "")
        user, _, password = text.partition(":")
        if text and not (user and password):
            where = file or ELSEWHERE
            raise BadInputError(f"{where} is not user:password", mend="take it away, or mend it")
        return (user, password) if text else None

    def database_url(self, root: Path) -> str:
        """Resolve the database URL against the estate's folder."""
        relative = self.database.removeprefix("sqlite:///")
        if relative == self.database or relative.startswith("/"):
            return self.database
        return f"sqlite:///{root / relative}"


def load(root: Path) -> Settings:
    """Read `clinops.toml`; raises NotFoundError or BadInputError."""
    path = root / FILE
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(
            f"{root} is no estate: it has no {FILE}",
            mend="give the folder with --estate, or start one: clinops init DIR",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError("", problems=[Problem(str(path), 1, f"not TOML: {error}")]) from None
    except ValidationError as error:
        problems = [
            Problem(str(path), 1, f"{'.'.join(map(str, e['loc']))}: {e['msg']}")
            for e in error.errors()
        ]
        raise BadInputError("", problems=problems) from None


def create(root: Path, port: int) -> Settings:
    """Write the settings of a new estate."""
    settings = Settings(estate=uuid.uuid4().hex[:12], port=port)
    # The addresses of reminders will be in it, and those hold passwords.
    (root / FILE).touch(mode=0o600)
    (root / FILE).write_text(
        "# Settings of this estate; every key and its default: docs/estate.md\n"
        f'estate = "{settings.estate}"\nport = {port}\n',
        encoding="utf-8",
    )
    return settings


def create_password(file: Path) -> bool:
    """Write a random password for the embedded server; False where there is one already."""
    if _text_of(file):
        return False
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(f"clinops:{secrets.token_urlsafe(24)}\n", encoding="utf-8")
    return True


def _text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""
