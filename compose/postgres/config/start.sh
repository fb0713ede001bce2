#!/bin/sh
# The first start makes the cluster beside its final place and renames it: an interrupted one is thrown away, never half used.
set -eu
umask 077

# Postgres refuses a key that others may read or that is not its own, and a shared folder does not keep owner and mode everywhere.
mkdir -p /tmp/certs
cat /run/kit/certs/current/tls.crt > /tmp/certs/tls.crt
cat /run/kit/certs/current/tls.key > /tmp/certs/tls.key

data=/var/lib/postgresql/data/17
if [ ! -s "$data/PG_VERSION" ]; then
  rm -rf "$data.new"
  initdb --pgdata="$data.new" --username=admin --pwfile=/run/kit/secrets/admin-password \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 --data-checksums
  mv "$data.new" "$data"
fi
exec postgres -D "$data" -c config_file=/etc/kit/postgresql.conf -c hba_file=/etc/kit/pg_hba.conf
