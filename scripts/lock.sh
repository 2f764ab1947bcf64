#!/usr/bin/env bash
# Writes requirements.txt: every dependency pinned with its hashes, and no index's address.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "lock: uv is missing; mend: pip install uv" >&2; exit 3; }
printf '%s\n' 'pip' 'setuptools>=77' |
    cat - <(python3 -c 'import tomllib
p = tomllib.load(open("pyproject.toml", "rb"))["project"]
print("\n".join(p["dependencies"] + p["optional-dependencies"]["dev"]))') |
    uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header \
        --python-version 3.11 - -o requirements.txt
