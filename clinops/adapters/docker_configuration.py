"""What an image says about how it is run, key by key, so that two versions can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from clinops.domain.digest import digest_bytes

_ONE_VALUE = {
    "user": "User",
    "working directory": "WorkingDir",
    "entrypoint": "Entrypoint",
    "command": "Cmd",
    "health check": "Healthcheck",
}
_SECRET = re.compile(r"PASS|SECRET|TOKEN|CREDENTIAL|KEY", re.IGNORECASE)


def configuration_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Flatten an image's `Config` as the engine gives it; what is empty is left out."""
    found = {name: _text(config[key]) for name, key in _ONE_VALUE.items() if config.get(key)}
    for port in config.get("ExposedPorts") or ():
        found[f"port {port}"] = "exposed"
    for path in config.get("Volumes") or ():
        found[f"volume {path}"] = "declared"
    for variable in config.get("Env") or ():
        name, _, value = variable.partition("=")
        found[f"environment {name}"] = _fingerprint(value) if _SECRET.search(name) else value
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _fingerprint(value: str) -> str:
    """Tell two secrets apart and give neither away: evidence is no place for them."""
    return f"kept out; its SHA-256 begins with {digest_bytes(value.encode())[7:15]}"
