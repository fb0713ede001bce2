#!/bin/sh
# An OCI hook, before a container's process starts. containerd makes the folder of a new volume as root's, 0755; upstream's
# provisioner makes it 0777, and a container that is not root needs that. Only while it is empty: afterwards it is its owner's.
exec /usr/bin/find /tmp/hostpath_pv/ -mindepth 1 -maxdepth 1 -type d -empty -exec /usr/bin/chmod 0777 {} +
