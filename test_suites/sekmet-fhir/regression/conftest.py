"""Fixtures of the regression suite: people of one's own, removed afterwards."""

import hashlib
import json

import pytest

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"


class Record:
    """Stores resources as they are written here, and reads them back as they are sent.

    Plain JSON on purpose: a library between suite and server could hide what either does to a
    number.
    """

    def __init__(self, client, prefix):
        self.client = client
        self.prefix = prefix
        self.paths = []

    def put(self, kind, key, **values):
        """Store a resource and return its id."""
        resource = {"resourceType": kind, "id": f"{self.prefix}{key}", **values}
        path = f"{kind}/{resource['id']}"
        self.paths.append(path)
        self.client.put(path, content=json.dumps(resource)).raise_for_status()
        return resource["id"]

    def patient(self, key="p", number=None, **values):
        """Store a person and return their id."""
        identifier = [{"system": NHS_NUMBER, "value": number or f"{self.prefix}{key}"}]
        return self.put("Patient", key, **{"identifier": identifier, **values})

    def observation(self, key, patient, **values):
        """Store a result and return its id."""
        usual = {
            "status": "final",
            "code": {"text": "Creatinine"},
            "subject": {"reference": f"Patient/{patient}"},
        }
        return self.put("Observation", key, **{**usual, **values})

    def text(self, path):
        """Return a resource as the text that the server sent."""
        return self.client.get(path).raise_for_status().text

    def read(self, path):
        """Return a resource; its numbers as the text that the server has written for them."""
        return json.loads(self.text(path), parse_float=str, parse_int=str)

    def forget(self):
        """Delete all of it, what refers to others first."""
        for path in reversed(self.paths):
            self.client.delete(path)


@pytest.fixture
def record(request, fhir):
    """Resources whose ids derive from the test's name: the same on every run and version."""
    digest = hashlib.sha256(request.node.nodeid.encode()).hexdigest()
    made = Record(fhir.client, f"t{digest[:12]}-")
    yield made
    made.forget()
