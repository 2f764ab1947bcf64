"""The gatehouse: the pages on which people read what a release is, and answer for it."""

# Routes are made where pages are defined, and need their spelling of ids by then.
from clinops.gatehouse import addresses as addresses
