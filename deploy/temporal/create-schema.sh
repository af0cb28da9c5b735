#!/bin/sh
# Creates Temporal's two databases, or brings them up to this release. Runs each time; does nothing when there is nothing to do.
set -eu

sql_tool() {
  database=$1
  shift
  temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "$DB_PORT" -u "$POSTGRES_USER" --db "$database" "$@"
}

for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*}
  schema=${pair##*:}
  sql_tool "$database" create
  sql_tool "$database" setup-schema -v 0.0
  sql_tool "$database" update-schema -d "/etc/temporal/schema/postgresql/v12/$schema/versioned"
done
