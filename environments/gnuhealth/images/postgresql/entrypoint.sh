#!/bin/sh
# Give the cluster its one role and database at the first start, then become PostgreSQL.
set -eu

data=/var/lib/postgresql/data/15

# Both statements fail harmlessly where a first start was cut short between them.
if [ ! -e "$data/has-its-database" ]; then
    postgres --single -D "$data" postgres <<SQL
CREATE ROLE $DATABASE_USER LOGIN PASSWORD '$DATABASE_PASSWORD'
CREATE DATABASE $DATABASE_NAME OWNER $DATABASE_USER
SQL
    touch "$data/has-its-database"
fi

exec postgres -D "$data" -c listen_addresses='*'
