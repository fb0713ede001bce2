#!/bin/sh
# Puts the hashed passwords into the ACL file. sed reads them from a file, so they are in no process's arguments.
set -eu
umask 077
sed -f /run/kit/secrets/passwords.sed /etc/kit/users.acl > /tmp/users.acl
exec valkey-server /etc/kit/valkey.conf
