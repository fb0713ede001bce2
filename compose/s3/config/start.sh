#!/bin/sh
# Starts MinIO on HTTPS only. It takes its settings from the environment; all of them are here, and none in the image.
set -eu
umask 077

# MinIO wants certificate and key under names of its own. They are links through `current`, so a renewed leaf is found
# under them as well, once MinIO is told to read again (SIGHUP).
mkdir -p /tmp/certs
ln -sf /run/kit/certs/current/tls.crt /tmp/certs/public.crt
ln -sf /run/kit/certs/current/tls.key /tmp/certs/private.key

# The root account makes buckets and users at set-up and is used for nothing else.
export MINIO_ROOT_USER_FILE=/run/kit/secrets/root-user
export MINIO_ROOT_PASSWORD_FILE=/run/kit/secrets/root-password

# No console: it would be a second door with a password. No look for updates: nothing phones home.
export MINIO_BROWSER=off
export MINIO_UPDATE=off

# A bucket is a subdomain of this name as well, where there is one.
export MINIO_DOMAIN="$KIT_NAME"

# A bound for Go's collector well below the container's limit: it takes what it finds otherwise.
export GOMEMLIMIT=192MiB

# `--quiet` keeps the banner out of the log; errors still appear.
exec minio server --quiet --certs-dir /tmp/certs --address :9000 /data
