"""Makes `replica://` known to pytest-testinfra: a pytest plugin, loaded wherever this is installed.

It imports nothing of the engine: testinfra imports the backend where one is asked for.
"""

from __future__ import annotations

from testinfra.backend import BACKENDS

BACKENDS["replica"] = "clinops.adapters.testinfra_backend.ReplicaBackend"
