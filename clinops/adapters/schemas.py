"""JSON Schemas of the documents, for editors; generated from the models, never written by hand.

`python -m clinops.adapters.schemas` writes them after a model has changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from clinops.domain.agreement import Acceptance, Agreement
from clinops.domain.board_policy import BoardPolicy
from clinops.domain.environment import Environment
from clinops.domain.gate import GatePolicy
from clinops.domain.hazard import HazardLog
from clinops.domain.manifest import Manifest
from clinops.domain.noise import Noise
from clinops.domain.probe import ProbeFile
from clinops.domain.request import Request
from clinops.domain.signer import Signers, Vendor
from clinops.domain.site import Sites
from clinops.domain.value import Document
from clinops.domain.waiver import Waivers

SCHEMAS = Path(__file__).parent.parent / "schemas"
MODELS: dict[str, type[Document]] = {
    "board": BoardPolicy,
    "acceptance": Acceptance,
    "agreement": Agreement,
    "environment": Environment,
    "gate": GatePolicy,
    "hazards": HazardLog,
    "manifest": Manifest,
    "noise": Noise,
    "probes": ProbeFile,
    "request": Request,
    "signers": Signers,
    "sites": Sites,
    "vendor": Vendor,
    "waivers": Waivers,
}


def schema_of(name: str) -> str:
    """Return the text of a document's JSON Schema (draft 2020-12)."""
    body = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:clinops:schema:{name}:1",
        **MODELS[name].model_json_schema(),
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def drifted(folder: Path = SCHEMAS) -> list[str]:
    """Name the schemas whose files are missing, superfluous or not what the models say."""
    files = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(
        name
        for name in files.keys() | MODELS.keys()
        if name not in MODELS or files.get(name) != schema_of(name)
    )


def write(folder: Path = SCHEMAS) -> None:
    """Write every schema."""
    folder.mkdir(exist_ok=True)
    for name in MODELS:
        (folder / f"{name}.json").write_text(schema_of(name), encoding="utf-8")


def main() -> None:
    """Write the schemas, or with `--check` fail where they have drifted from the models."""
    if "--check" not in sys.argv:
        write()
    elif stale := drifted():
        sys.exit(f"schemas have drifted: {', '.join(stale)}; mend: python -m {__spec__.name}")


if __name__ == "__main__":
    main()
