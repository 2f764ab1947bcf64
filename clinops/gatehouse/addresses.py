"""Addresses: how releases and products are spelt in them."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class Id(Convertor[str]):
    """Release ids and products: what is spelt otherwise is nobody's, and never looked up."""

    regex = "[a-z0-9][A-Za-z0-9.+~_-]{0,199}"

    def convert(self, value: str) -> str:
        """Take it as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Write it as it is."""
        return value


register_url_convertor("id", Id())
