#!/bin/bash
# Relay is never root, whoever the container was started as.
set -eu
if [ "$(id -u)" = 0 ]; then
  exec gosu relay /bin/relay "$@"
fi
exec /bin/relay "$@"
