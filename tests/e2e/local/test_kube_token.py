"""A kubeconfig that kit wrote for the cloud, used by the programs that a user has."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from kit.adapters import process
from kit.adapters.kubernetes.kubeconfig import write_exec_kubeconfig
from tests.support.api_server import api_server
from tests.support.cloud import cloud
from tests.support.program import ROOT
from tests.support.terraform import supply


def test_kubectl_gets_its_token_from_kit(tmp_path: Path) -> None:
    supply().ensure(["tool/kubectl"])
    kubeconfig = tmp_path / "kubeconfig"
    with cloud(tmp_path) as here, api_server(tmp_path) as api:
        variables = {**here.environment(), "PYTHONPATH": str(ROOT), "YC_SERVICE_ACCOUNT_KEY_FILE": ""}
        command = (sys.executable, "-m", "kit", "kube-token")
        write_exec_kubeconfig(kubeconfig, "sentry", api.server, api.ca_pem, command, variables)
        argv = [str(supply().tool("kubectl")), "--kubeconfig", str(kubeconfig), "get", "--raw", "/version"]
        said = process.run(argv, env={"YC_TOKEN": "y0_oauth"}).stdout
        assert json.loads(said)["gitVersion"] == "v1.33.1"
        assert api.bearers == ["t1.made.1"]
        assert "y0_oauth" not in kubeconfig.read_text(), "the token is the user's, and stays in the environment"
