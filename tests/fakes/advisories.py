"""Advisories and VEX as their makers publish them, of one planted vulnerability in zlib."""

from __future__ import annotations

import json
from typing import Any

PLANTED = "CVE-2025-1000"
VEX = "vendor_manifests/acme/vex/zlib.json"


def osv(id_: str = "DEBIAN-CVE-2025-1000", **changes: Any) -> dict[str, Any]:
    """Describe a vulnerability of zlib before 1:1.4 in Debian 13."""
    events = [{"introduced": "0"}, {"fixed": "1:1.4"}]
    return {
        "schema_version": "1.6.0",
        "id": id_,
        "modified": "2025-06-09T00:00:00Z",
        "published": "2025-06-01T00:00:00Z",
        "upstream": [PLANTED],
        "details": "A planted overflow.",
        "affected": [
            {
                "package": {"ecosystem": "Debian:13", "name": "zlib"},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
        **changes,
    }


def openvex(status: str = "not_affected", **changes: Any) -> dict[str, Any]:
    """Say, as a vendor, that version 2.0 of `pas` is not affected by it."""
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://acme.example/vex/1",
        "author": "Acme",
        "timestamp": "2025-06-05T00:00:00Z",
        "version": 1,
        "statements": [
            {
                "vulnerability": {"name": PLANTED},
                "products": [
                    {
                        "@id": "pkg:generic/acme/pas@2.0",
                        "subcomponents": [{"@id": "pkg:deb/debian/zlib"}],
                    }
                ],
                "status": status,
                "justification": "vulnerable_code_not_in_execute_path",
                "impact_statement": "The server never inflates what it is sent.",
                **changes,
            }
        ],
    }


def csaf(**status: list[str]) -> dict[str, Any]:
    """Describe the same in CSAF 2.0, of whichever products by their status."""
    deb = "pkg:deb/debian/zlib1g?distro=debian-13"
    return {
        "document": {
            "category": "csaf_vex",
            "title": "zlib",
            "aggregate_severity": {"text": "Important"},
            "tracking": {
                "id": "ACME-2025-1",
                "initial_release_date": "2025-06-01T00:00:00Z",
                "current_release_date": "2025-06-09T00:00:00Z",
            },
        },
        "product_tree": {
            "branches": [
                {
                    "category": "product_version_range",
                    "name": "vers:deb/<1:1.4",
                    "product": {
                        "product_id": "zlib",
                        "product_identification_helper": {"purl": deb},
                    },
                },
                {
                    "category": "product_version",
                    "name": "2.0",
                    "product": {
                        "product_id": "pas",
                        "product_identification_helper": {"purl": "pkg:generic/acme/pas@2.0"},
                    },
                },
            ],
            "relationships": [
                {
                    "category": "default_component_of",
                    "product_reference": "zlib",
                    "relates_to_product_reference": "pas",
                    "full_product_name": {"product_id": "pas:zlib", "name": "zlib in pas"},
                }
            ],
        },
        "vulnerabilities": [
            {
                "cve": PLANTED,
                "product_status": status or {"known_affected": ["zlib"]},
                "flags": [
                    {"label": "vulnerable_code_not_present", "product_ids": ["pas", "pas:zlib"]}
                ],
            }
        ],
    }


def written(document: Any) -> bytes:
    """Write a document."""
    return json.dumps(document).encode()
