#!/bin/sh
# Puts the control plane's images into the node's containerd, so that a cluster starts without a registry.
#
#   preload.sh <image made by image/Dockerfile> <tag of the finished image> <folder with artifacts>
#
# Each image is one program on an empty file system; kube-proxy and kube-router also get the node's iptables and the libraries they
# need. The names are asked of kubeadm, which is what will look for them. The images exist in the engine only under a name of this run's own
# and only until they are in the node: nobody's image is replaced.
set -eu
base=$1 final=$2 artifacts=$3
run=kit-kind-node-$$
scratch=$(mktemp -d)

clean_up() {
  docker rm -f -v "$run" >/dev/null 2>&1 || true
  docker images -q "$run" | xargs -r docker rmi -f >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

in_node() { docker exec -i "$run" "$@"; }

# $1 a name, $2 its program; more files for its root may already lie in $scratch/root
pack() {
  mkdir -p "$scratch/root/usr/bin"
  cp "$2" "$scratch/root/usr/bin/${2##*/}"
  tar -C "$scratch/root" --owner=0 --group=0 --numeric-owner -cf - . | docker import \
    --change 'ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/bin' \
    --change "ENTRYPOINT [\"/usr/bin/${2##*/}\"]" - "$run:$1" >/dev/null
  rm -rf "$scratch/root"
}

# containerd as process 1's child; its socket appears within a second. /var is no volume here, so what it stores is committed.
docker run -d --name "$run" --security-opt seccomp=unconfined --entrypoint sleep "$base" infinity >/dev/null
docker exec -d "$run" containerd
version=$(in_node cat /kind/version)

pack apiserver          "$artifacts/kubernetes/kube-apiserver"
pack controller-manager "$artifacts/kubernetes/kube-controller-manager"
pack scheduler          "$artifacts/kubernetes/kube-scheduler"
pack etcd               "$artifacts/etcd/etcd"
pack coredns            "$artifacts/coredns/coredns"
pack pause              "$artifacts/pause/pause"

# The files of both kinds of iptables, of further programs, and of the libraries they need; and the script that takes the kind which
# the node uses and starts $1: kubeadm's manifest starts /usr/local/bin/kube-proxy.
with_iptables() {
  name=$1
  shift
  mkdir -p "$scratch/root"
  # shellcheck disable=SC2016  # expanded in the node
  in_node sh -eu -c '
    plugins=/usr/lib/*/xtables
    programs="/bin/dash /usr/sbin/xtables-nft-multi /usr/sbin/xtables-legacy-multi $*"
    libraries=$(ldd $programs $plugins/*.so | sed -n "s#^[^/]*\(/[^ :]*\) (.*#\1#p" | sort -u)
    tar -chf - $programs $plugins $libraries
  ' sh "$@" | tar -C "$scratch/root" -xf -
  mkdir -p "$scratch/root/usr/local/bin" "$scratch/root/bin" "$scratch/root/run" "$scratch/root/tmp"
  in_node cat /kind/with-iptables.sh > "$scratch/root/usr/local/bin/$name"
  chmod 0755 "$scratch/root/usr/local/bin/$name"
  ln -s dash "$scratch/root/bin/sh"
  for kind in nft legacy; do
    mkdir -p "$scratch/root/iptables/$kind"
    for program in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
      ln -s "/usr/sbin/xtables-$kind-multi" "$scratch/root/iptables/$kind/$program"
    done
  done
}
with_iptables kube-proxy
pack proxy "$artifacts/kubernetes/kube-proxy"
with_iptables kube-router /usr/sbin/ipset
pack router "$artifacts/kube-router/kube-router"

# One archive, so that what the images share is stored once.
names="apiserver controller-manager scheduler proxy etcd coredns pause router"
# shellcheck disable=SC2046  # a list of names on purpose
docker save $(for name in $names; do echo "$run:$name"; done) | in_node ctr -n k8s.io images import --no-unpack -

in_node ctr -n k8s.io images ls -q > "$scratch/imported"
in_node kubeadm config images list --kubernetes-version "$version" > "$scratch/wanted"
while read -r wanted; do
  case $wanted in
    */kube-*) name=${wanted##*/kube-} name=${name%:*} ;;
    *) name=${wanted##*/} name=${name%:*} ;;
  esac
  in_node ctr -n k8s.io images tag "$(grep ":$name\$" "$scratch/imported")" "$wanted" </dev/null
done < "$scratch/wanted"
in_node ctr -n k8s.io images tag "$(grep ":router\$" "$scratch/imported")" kit.local/kube-router:built # as manifests/default-cni.yaml says
xargs docker exec "$run" ctr -n k8s.io images rm < "$scratch/imported" >/dev/null

# containerd ends before the commit, so that its database is whole on disk.
in_node sh -c 'pkill -x containerd; while pgrep -x containerd >/dev/null; do sleep 0.1; done; rm -rf /run/containerd'
docker commit \
  --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' \
  --change 'CMD []' \
  "$run" "$final" >/dev/null
