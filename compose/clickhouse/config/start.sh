#!/bin/sh
# Copies certificate and key into memory, where their mode is ours whatever a shared folder says of the mounted ones, and becomes
# the server.
set -eu
umask 077
mkdir -p /tmp/certs
cat /run/kit/certs/current/tls.crt > /tmp/certs/tls.crt
cat /run/kit/certs/current/tls.key > /tmp/certs/tls.key
# Else 25.8 goes on in a child process, and the first one only looks after it (ClickHouse#74775): restarting is the engine's task.
export CLICKHOUSE_WATCHDOG_ENABLE=0
exec clickhouse-server --config-file=/etc/kit/config.xml
