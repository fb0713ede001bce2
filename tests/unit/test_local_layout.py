"""What of the local stack follows from which Sentry is wanted: who gets a certificate, and what a set-up is made from."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import yaml

from kit.blueprint.stack import SentryWanted, Stack
from kit.targets.local import layout


def test_vroom_gets_a_certificate_only_where_it_runs() -> None:
    full = dataclasses.replace(Stack(), sentry=SentryWanted(size="full"))
    assert set(layout.holders(full)) - set(layout.holders(Stack())) == {layout.VROOM_HOLDER}


def test_another_retention_sets_up_the_bucket_of_events_again_and_nothing_else() -> None:
    usual, short = SentryWanted(), SentryWanted(retention_days=30)
    changed = [
        store
        for store in ("kafka", "postgres", "redis", "clickhouse", "s3")
        if layout.setup_fingerprint(store, usual) != layout.setup_fingerprint(store, short)
    ]
    assert changed == ["s3"]


def test_the_clusters_configuration_is_whole_with_and_without_tokens_of_its_own(tmp_path: Path) -> None:
    """One node with every mount; kubeadm finds the patches where the configuration says that they are."""
    folder = Path(__file__).parents[2] / "kind"
    template = (folder / "cluster.yaml").read_text()
    plain = yaml.safe_load(layout.cluster_config(template, 9443, folder / "patches"))
    tokens = yaml.safe_load(layout.cluster_config(template, 9443, folder / "patches", tmp_path / "tokens.csv"))
    (patches,) = plain["nodes"][0]["extraMounts"]
    assert (Path(patches["hostPath"]) / "corednsdeployment+strategic.yaml").is_file()
    patched = [yaml.safe_load(each) for each in plain["kubeadmConfigPatches"]]
    assert patches["containerPath"] in [each["patches"]["directory"] for each in patched if each["kind"] == "InitConfiguration"]
    assert tokens["nodes"][0]["extraMounts"][0] == patches
    assert tokens["nodes"][0]["extraMounts"][1]["hostPath"] == str(tmp_path / "tokens.csv")
    assert "token-auth-file" in tokens["nodes"][0]["kubeadmConfigPatches"][0]
    assert tokens["kubeadmConfigPatches"] == plain["kubeadmConfigPatches"]


def test_no_path_can_break_the_clusters_configuration() -> None:
    template = (Path(__file__).parents[2] / "kind" / "cluster.yaml").read_text()
    strange = Path('/home/a "b": {c}/#d')
    written = yaml.safe_load(layout.cluster_config(template, 9443, strange, strange / "tokens.csv"))
    assert [mount["hostPath"] for mount in written["nodes"][0]["extraMounts"]] == [str(strange), str(strange / "tokens.csv")]
