"""The gatehouse: the pages on which people read what a release is, and answer for it."""
