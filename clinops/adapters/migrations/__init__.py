"""The ledger's schema, step by step (Alembic); applied by `sql_ledger` on opening."""
