#!/bin/bash
# Run once by the ClickHouse image on an empty data folder: the database and its three users (SCHEMA.md, Grants).
set -euo pipefail
quote() { printf "%s" "$1" | sed "s/[\\\\']/\\\\&/g"; }
clickhouse-client --user default --password "$CLICKHOUSE_PASSWORD" --multiquery <<SQL
CREATE DATABASE IF NOT EXISTS driftline;
CREATE USER IF NOT EXISTS driftline_owner IDENTIFIED BY '$(quote "$DRIFTLINE_OWNER_PASSWORD")';
CREATE USER IF NOT EXISTS driftline_writer IDENTIFIED BY '$(quote "$DRIFTLINE_WRITER_PASSWORD")';
CREATE USER IF NOT EXISTS driftline_reader IDENTIFIED BY '$(quote "$DRIFTLINE_READER_PASSWORD")' SETTINGS readonly = 2;
GRANT ALL ON driftline.* TO driftline_owner;
GRANT TABLE ENGINE ON * TO driftline_owner;
GRANT SELECT ON system.* TO driftline_owner;
GRANT SELECT, INSERT ON driftline.* TO driftline_writer;
GRANT SELECT ON system.processes TO driftline_writer;
GRANT SELECT ON driftline.* TO driftline_reader;
SQL
