"""A shell that says something from other work to every program that kit starts. A stack comes up in it as in any other."""

from __future__ import annotations

from collections.abc import Mapping

HOSTILE: Mapping[str, str] = {
    "AWS_PROFILE": "theirs",
    "COMPOSE_ENV_FILES": "/nonexistent",
    "COMPOSE_FILE": "/nonexistent",
    "COMPOSE_PROJECT_NAME": "theirs",
    "DOCKER_DEFAULT_PLATFORM": "linux/s390x",
    "GOFLAGS": "-no-such-flag",
    "HELM_DRIVER": "memory",
    "HELM_KUBEAPISERVER": "https://127.0.0.1:1",
    "HELM_KUBECONTEXT": "theirs",
    "HELM_NAMESPACE": "theirs",
    "KIND_CLUSTER_NAME": "theirs",
    "KIND_EXPERIMENTAL_PROVIDER": "podman",
    "KIT_MEMORY_KAFKA": "64m",
    "KUBECONFIG": "/nonexistent",
    "MAVEN_ARGS": "--no-such-option",
    "RUSTFLAGS": "--no-such-flag",
    "TF_CLI_ARGS": "-no-such-flag",
    "TF_DATA_DIR": "/nonexistent",
    "TF_WORKSPACE": "theirs",
}
