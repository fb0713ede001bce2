#!/bin/sh
# Starts the program of its own name with the iptables that the node uses: kube-proxy, and kube-router.
#
# The node's own iptables are either the legacy ones or those over nftables: rules written with the other kind would be a second,
# competing set. kubelet leaves a chain as a hint in the kind that it uses.
set -eu
case "$(/usr/sbin/xtables-nft-multi iptables-save -t mangle 2>/dev/null || true)" in
  *KUBE-IPTABLES-HINT*) kind=nft ;;
  *) kind=legacy ;;
esac
export PATH="/iptables/$kind:/usr/sbin:/usr/bin:/bin"
exec "/usr/bin/${0##*/}" "$@"
