#!/bin/sh
# Unpacks the images that a node image has packed, and adds others whose files lie unpacked in it already. Run in a container of the
# node image whose /var is a volume, for containerd's overlayfs works on no overlay.
#
#   add-images.sh <folder>
#
# The folder holds `images.tar`, an OCI layout without layers, and a line in `list` for each image to add: the digest of its one
# layer, the digest of its config, and the folder with that layer's files. What containerd would unpack anew for every cluster becomes
# a link to such a folder: a container's own files lie above it, in /var, and nothing is copied. As with kind's
# `discard_unpacked_layers`, an unpacked image keeps no packed layers.
set -eu
folder=$1
state=/var/lib/containerd
snapshots=$state/io.containerd.snapshotter.v1.overlayfs/snapshots

in_kubernetes() { ctr -n k8s.io "$@"; }
snapshot() { ctr -n k8s.io snapshots --snapshotter overlayfs "$@"; }

# Whether a layer takes away what one below it brings. That is a device of number 0 then, which no container's file system can hold.
takes_away() {
  in_kubernetes content get "$1" > /var/layer
  gzip -dcf /var/layer | tar -t > /run/names || return 0
  grep -q '\(^\|/\)\.wh\.' /run/names
}

containerd >/run/containerd.log 2>&1 &
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

: > /run/unpacked
in_kubernetes images ls -q | grep -v '^sha256:' > /run/images
while read -r image; do
  manifest=$(in_kubernetes images ls "name==$image" | awk 'NR == 2 { print $3 }')
  in_kubernetes content get "$manifest" > /run/manifest
  jq -r '.layers[]?.digest' /run/manifest > /run/layers
  is_fit=$(wc -l < /run/layers) # none: an index of several platforms, which stays as it is
  if [ "$is_fit" -gt 1 ]; then
    while read -r layer; do
      if takes_away "$layer" </dev/null; then is_fit=0; fi
    done < /run/layers
  fi
  [ "$is_fit" -gt 0 ] || continue
  snapshot unpack "$manifest" </dev/null >/dev/null
  cat /run/layers >> /run/unpacked
done < /run/images
rm -f /var/layer

in_kubernetes images import --no-unpack "$folder/images.tar" >/dev/null
: > /run/links
while read -r layer config files; do
  snapshot prepare "kit-$layer" >/dev/null
  place=$(snapshot mounts /unused "kit-$layer" | grep -o "$snapshots/[0-9]*" | head -n 1)
  [ -n "$place" ]
  snapshot commit "$layer" "kit-$layer"
  # As containerd's own unpacking leaves it: the image is what keeps its files.
  in_kubernetes content label "$config" "containerd.io/gc.ref.snapshot.overlayfs=$layer" >/dev/null
  echo "$place $files" >> /run/links
done < "$folder/list"
sort -u /run/unpacked | xargs -r ctr -n k8s.io content rm >/dev/null

# containerd ends first, so that its database is whole on disk.
kill "$containerd"
wait "$containerd" || true
while read -r place files; do
  rm -rf "$place"
  ln -s "$files" "$place"
done < /run/links
for place in "$snapshots"/*; do
  [ -L "$place" ] && continue
  files=$folder/node-${place##*/}
  mkdir "$files"
  cp -a "$place/fs" "$files/"
  rm -rf "$place"
  ln -s "$files" "$place"
done
rm -rf "$folder/images.tar" "$folder/list"

# A volume is no part of an image: what has changed goes into the file system below it.
mkdir /run/below
mount --bind / /run/below
cp -a --update "$state" /run/below/var/lib/
for root in "" /run/below; do
  sed "s#^sha256:#$root$state/io.containerd.content.v1.content/blobs/sha256/#" /run/unpacked | xargs -r rm -f
done
umount /run/below
