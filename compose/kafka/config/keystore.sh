#!/bin/sh
# Puts the current leaf's key and chain into the one file that Kafka reads. Run again after a renewal, before the broker is told:
# it reads anew when it is given another path, so each version has one, beside the path that a start uses.
set -eu
umask 077
version=$(readlink /run/kit/certs/current)
cat /run/kit/certs/current/tls.key /run/kit/certs/current/tls.crt > /tmp/keystore.new
cp /tmp/keystore.new "/tmp/keystore-$version.pem"
mv /tmp/keystore.new /tmp/keystore.pem
