#!/bin/sh
# Copies certificate and key into memory, where their mode is ours whatever a shared folder says of the mounted ones, and puts the
# hashed passwords into the ACL file. sed reads them from a file, so they are in no process's arguments.
set -eu
umask 077
mkdir -p /tmp/certs
cat /run/kit/certs/current/tls.crt > /tmp/certs/tls.crt
cat /run/kit/certs/current/tls.key > /tmp/certs/tls.key
sed -f /run/kit/secrets/passwords.sed /etc/kit/users.acl > /tmp/users.acl
exec valkey-server /etc/kit/valkey.conf
