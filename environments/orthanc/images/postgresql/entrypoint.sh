#!/bin/sh
# Make the cluster if there is none, then become PostgreSQL.
#
# It is made beside its place and moved there last: a start that is cut short leaves no half.
set -eu

data=/var/lib/postgresql/data/15

if [ ! -d "$data" ]; then
    fresh="$data.fresh"
    rm -rf "$fresh"
    initdb --pgdata="$fresh" --encoding=UTF8 --locale=C.UTF-8 --username=postgres \
        --auth-local=peer --auth-host=scram-sha-256 --no-sync
    echo "host all all all scram-sha-256" >> "$fresh/pg_hba.conf"
    postgres --single -D "$fresh" postgres <<SQL
CREATE ROLE $DATABASE_USER LOGIN PASSWORD '$DATABASE_PASSWORD'
CREATE DATABASE $DATABASE_NAME OWNER $DATABASE_USER
SQL
    sync
    mv "$fresh" "$data"
fi

exec postgres -D "$data" -c listen_addresses='*'
