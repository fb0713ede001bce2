#!/bin/sh
# Registers images, whose files lie unpacked in this node's own file system, with its containerd. Run in a container of the node image
# whose /var is a volume, for containerd's overlayfs works on no overlay.
#
#   add-images.sh <folder>
#
# The folder holds `images.tar`, an OCI layout without layers, and a line in `list` for each image: the digest of its one layer, the
# digest of its config, and the folder with that layer's files. What containerd would unpack at every creation of a cluster becomes a
# link to that folder: a container's own files lie above it, in /var, and nothing is copied.
set -eu
folder=$1
state=/var/lib/containerd
snapshots=$state/io.containerd.snapshotter.v1.overlayfs/snapshots

containerd >"/run/containerd.log" 2>&1 &
containerd=$!
tries=0
until ctr version >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -gt 300 ] || ! kill -0 "$containerd" 2>/dev/null; then
    tail -n 5 /run/containerd.log >&2
    exit 1
  fi
  sleep 0.1
done

ctr -n k8s.io images import --no-unpack "$folder/images.tar" >/dev/null
: > /run/links
while read -r layer config files; do
  ctr -n k8s.io snapshots --snapshotter overlayfs prepare "kit-$layer" >/dev/null
  place=$(ctr -n k8s.io snapshots --snapshotter overlayfs mounts /unused "kit-$layer" | sed -n "s#.*\($snapshots/[0-9]*\)/fs.*#\1#p")
  [ -n "$place" ]
  ctr -n k8s.io snapshots --snapshotter overlayfs commit "$layer" "kit-$layer"
  # As containerd's own unpacking leaves it: the image is what keeps its files.
  ctr -n k8s.io content label "$config" "containerd.io/gc.ref.snapshot.overlayfs=$layer" >/dev/null
  echo "$place $files" >> /run/links
done < "$folder/list"

# containerd ends first, so that its database is whole on disk.
kill "$containerd"
wait "$containerd" || true
while read -r place files; do
  rm -rf "$place"
  ln -s "$files" "$place"
done < /run/links
rm -rf "$folder/images.tar" "$folder/list"

# A volume is no part of an image: what has changed goes into the file system below it.
mkdir /run/below
mount --bind / /run/below
cp -a --update "$state" /run/below/var/lib/
umount /run/below
