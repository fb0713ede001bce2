#!/bin/sh
# Puts the current leaf's key and chain into the one file that Kafka reads. Run again after a renewal, before the broker is told.
set -eu
umask 077
cat /run/kit/certs/current/tls.key /run/kit/certs/current/tls.crt > /tmp/keystore.new
mv /tmp/keystore.new /tmp/keystore.pem
