#!/bin/sh
# Proves the connected road on this computer: run it in a fresh checkout, then send back what it names at its end. It pulls everything
# anew, under a stack and a cache of its own, and removes both. Whatever fails, it goes on: what fails is what is looked for.
set -u
cd "$(dirname "$0")/.." || exit 1
out=connected-check work=$PWD/.connected-check
mkdir "$out" "$work" || { echo "an earlier run left these: look at them, remove them, and start again" >&2; exit 1; }
export PATH="$PWD/.venv/bin:$PATH" KIT_STACK=connected-check KIT_CACHE="$work/cache"
trap 'echo "stopped; what is there of the stack goes by: kit purge --yes --stack $KIT_STACK" >&2; exit 130' INT TERM

step() { # name, command …: what it says, its exit code and how long it took
  name=$1 began=$(date +%s) && shift
  "$@" >"$out/$name.txt" 2>"$out/$name.err" </dev/null
  code=$? && echo "exit $code after $(($(date +%s) - began)) s: $name" | tee -a "$out/summary.txt"
}
variables() { # which are set, never to what: a proxy's address may hold a password
  for each in HTTPS_PROXY HTTP_PROXY NO_PROXY https_proxy http_proxy no_proxy SSL_CERT_FILE PIP_INDEX_URL PIP_CERT DOCKER_HOST \
    DOCKER_CONTEXT KIT_REGISTRY_PREFIX KIT_FILES_PREFIX KIT_LOCK; do
    eval "[ -z \"\${$each:-}\" ]" || echo "$each is set"
  done
}

step computer sh -c 'git rev-parse HEAD; uname -srm; python3 --version; make --version | head -n 1; docker compose version
for each in go mvn kind helm docker-compose terraform; do command -v $each; done; df -k .'
step variables variables
step docker-version docker version
step docker-info docker info --format 'engine {{.ServerVersion}} on {{.OperatingSystem}} {{.Architecture}}, kernel {{.KernelVersion}}
store {{.Driver}} {{.DriverStatus}}, cgroup v{{.CgroupVersion}} {{.CgroupDriver}}, {{.SecurityOptions}}, {{.NCPU}} processors, {{.MemTotal}} bytes'
step install make .venv/.installed
step doctor kit doctor
step upstream kit images verify -o json
step before kit images list -o json
step up kit up --local
step again kit up --local --plan
step verify kit verify
step images kit images list -o json
step status kit status
step purge kit purge --yes
cp -R "$KIT_CACHE/logs" "$out/logs" 2>/dev/null
rm -rf "$work"
tar -czf connected-check.tar.gz "$out"
echo "Look through $out/ (it holds names of this computer's folders), then attach connected-check.tar.gz to an issue of the project,"
echo "with a word on the network: direct, through a proxy, or through which mirrors."
! grep -qv '^exit 0 ' "$out/summary.txt"
