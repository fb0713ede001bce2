#!/bin/sh
# Starts MinIO on HTTPS only. It takes its settings from the environment; all of them are here, and none in the image.
set -eu
umask 077

# What upstream's image sets of its own: names of files with other accounts and settings, which must not come to mean something here.
unset MINIO_ACCESS_KEY_FILE MINIO_SECRET_KEY_FILE MINIO_KMS_SECRET_KEY_FILE MINIO_CONFIG_ENV_FILE

# MinIO wants certificate and key under names of its own. They are copies in memory, whose mode is ours whatever a shared folder says
# of the mounted ones; made by the shell alone, for upstream's image has hardly another program.
mkdir -p /tmp/certs
copy() { while IFS= read -r line; do printf '%s\n' "$line"; done < "$1" > "$2"; }
copy /run/kit/certs/current/tls.crt /tmp/certs/public.crt
copy /run/kit/certs/current/tls.key /tmp/certs/private.key

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
