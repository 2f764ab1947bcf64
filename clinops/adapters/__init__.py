"""Adapters: one file per outside system. Only `clinops.wiring` builds them."""
