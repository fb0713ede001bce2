"""The main job: everything comes up, every client connects, an exception is received, and a second run changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit.blueprint.stack import STORES
from kit.sentry import network_claims, network_policies
from kit.supply.resolve import PORTABLE
from kit.targets.local import site
from tests.support import engine_proxy
from tests.support.program import ROOT, Program
from tests.support.reach import local_target


@pytest.fixture(scope="module")
def variables(whole: Program) -> dict[str, str]:
    return whole.variables()


def python(code: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A client program in a process of its own, with nothing but `kit env` to know the way."""
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, timeout=60, check=False
    )


def test_status_shows_everything_ready_with_verified_tls(whole: Program) -> None:
    status = whole.must("status", "-o", "json").json
    assert (status["stack"], status["target"], status["ready"]) == (whole.stack, "local", True)
    roles = {component["name"]: component["role"] for component in status["components"]}
    assert roles == {**dict.fromkeys(STORES, "store"), "kubernetes": "cluster", "sentry": "application"}
    for component in status["components"]:
        assert component["state"] == "ready", component
        assert component["tls"]["verified"] is True
        assert component["tls"]["version"] in ("TLSv1.2", "TLSv1.3")
        assert component["image"]["source"] in ("pulled", "built")
    sentry = status["components"][-1]
    assert sentry["url"].startswith("https://127.0.0.1:")
    assert "stand-in" in sentry["reason"]


def test_status_table_names_every_component(whole: Program) -> None:
    table = whole.must("status").stdout
    assert all(name in table for name in (*STORES, "kubernetes", "sentry"))


def test_verify_holds_every_claim_from_the_host_and_from_inside_the_cluster(whole: Program) -> None:
    checks = whole.must("verify", "-o", "json").json
    assert [check for check in checks if not check["holds"]] == []
    inside = [check for check in checks if check["subject"].startswith("cluster/")]
    assert {check["subject"] for check in inside} == {f"cluster/{store}" for store in STORES}
    assert {check["claim"] for check in inside} == {"is reached over verified TLS", "is refused without the authority"}
    assert [check["claim"] for check in checks if check["subject"] == network_claims.SUBJECT] == [network_claims.UNLABELLED]


def test_a_namespace_that_lets_any_pod_out_to_the_stores_is_told(whole: Program) -> None:
    """So the claim above is not true for want of a network: another policy adds to kit's, and it does not hold any more."""
    local = local_target(whole)
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}
    named = {"name": "everything", "namespace": "sentry"}
    local.kube.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": named, "spec": spec})
    try:
        (check,) = network_claims.of_policies(site.release(local))
    finally:
        local.kube.delete("NetworkPolicy", "everything", "sentry")
    assert (check.claim, check.holds) == (network_claims.UNLABELLED, False)
    assert "connected to clickhouse:8443, clickhouse:9440, kafka:9091, postgres:6432, redis:6380, s3:9000" in check.said


def test_policies_that_were_taken_away_are_a_reason_to_install_again(whole: Program) -> None:
    local = local_target(whole)
    release = site.release(local)
    assert release.seen().complaint is None
    local.kube.delete("NetworkPolicy", network_policies.DENY, "sentry")
    try:
        assert release.seen().complaint == "its network policies are gone"
    finally:
        network_policies.close(local.kube, release.installation().policies)
    assert release.seen().complaint is None


def test_second_up_writes_nothing_to_the_engine(whole: Program, tmp_path: Path) -> None:
    with engine_proxy.recording(tmp_path / "engine.sock") as requests:
        proxied = Program(whole.home, whole.stack, {"DOCKER_HOST": f"unix://{tmp_path}/engine.sock"})
        proxied.must("up", "--local")
    assert requests, "the proxy saw nothing: this would prove nothing"
    assert engine_proxy.writes(requests) == []


def test_plan_of_a_running_stack_is_empty(whole: Program) -> None:
    assert whole.must("up", "--local", "--plan").stdout == "nothing to do\n"


def test_demo_prints_the_link_of_the_very_event(whole: Program) -> None:
    demo = whole.must("demo", "-o", "json").json
    assert len(demo["event_id"]) == 32
    assert demo["url"].startswith("https://127.0.0.1:")


def test_example_sender_tells_whether_it_was_delivered(variables: dict[str, str]) -> None:
    sender = [sys.executable, str(ROOT / "examples" / "python" / "main.py")]
    delivered = subprocess.run(sender, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=60)
    assert delivered.returncode == 0, delivered.stderr
    system = dict(os.environ)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SENTRY_CA_CERTS"):
        system.pop(name, None)
    distrusting = {**system, "SENTRY_DSN": variables["SENTRY_DSN"]}
    refused = subprocess.run(sender, env=distrusting, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 1
    assert "certificate" in refused.stderr
    nonsense = subprocess.run(
        sender, env={**system, "SENTRY_DSN": "nonsense"}, capture_output=True, text=True, check=False, timeout=60
    )
    assert nonsense.returncode == 2


CLIENTS = {
    "psycopg": "import psycopg; assert psycopg.connect('').execute('select 1').fetchone() == (1,)",
    "redis": "import os, redis; assert redis.from_url(os.environ['REDIS_URL']).ping()",
    "boto3": "import boto3; boto3.client('s3').list_objects_v2(Bucket='sentry-filestore')",
    "confluent-kafka": """
import os
from confluent_kafka.admin import AdminClient
names = {key: os.environ['KAFKA_' + key.upper().replace('.', '_')] for key in
         ('bootstrap.servers', 'security.protocol', 'sasl.mechanism', 'sasl.username', 'sasl.password', 'ssl.ca.location')}
assert 'events' in AdminClient(names).list_topics(timeout=10).topics
""",
    "clickhouse-driver": """
import os
from clickhouse_driver import Client
known = {name: os.environ['CLICKHOUSE_' + name.upper()] for name in ('user', 'password', 'ca_certs')}
client = Client(os.environ['CLICKHOUSE_NATIVE_HOST'], int(os.environ['CLICKHOUSE_NATIVE_PORT']), secure=True, **known)
assert client.execute('select 1') == [(1,)]
""",
    "urllib": """
import os, urllib.parse, urllib.request
url = urllib.parse.urlsplit(os.environ['CLICKHOUSE_URL'])
request = f'{url.scheme}://{url.hostname}:{url.port}/ping'
assert urllib.request.urlopen(request).read() == b'Ok.\\n'
""",
}


@pytest.mark.parametrize("client", CLIENTS)
def test_client_connects_by_env_alone(variables: dict[str, str], client: str) -> None:
    ran = python(CLIENTS[client], variables)
    assert ran.returncode == 0, ran.stderr


def test_kubectl_connects_by_env_alone(whole: Program) -> None:
    local_target(whole).supply.ensure(["tool/kubectl"], counting=PORTABLE)
    variables = Program(whole.home, whole.stack, {"PATH": "/usr/bin/nothing"}).variables()
    program = Path(variables["PATH"].split(os.pathsep)[0], "kubectl")
    ran = subprocess.run([program, "get", "nodes"], env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert f"{whole.stack}-control-plane" in ran.stdout, ran.stderr


def test_where_kubectl_cannot_be_had_at_once_env_says_so_and_gives_the_rest(whole: Program, tmp_path: Path) -> None:
    """It is fetched when a shell asks for it, and never compiled for that."""
    nowhere = {"PATH": "/usr/bin/nothing", "KIT_CACHE": str(tmp_path), "KIT_FILES_PREFIX": "https://127.0.0.1:1/"}
    ran = Program(whole.home, whole.stack, nowhere).must("env", "-o", "json")
    assert "PATH" not in ran.json
    assert ran.json["KUBECONFIG"]
    assert "no kubectl for this shell" in ran.stderr
    assert "kit images build kubectl" in ran.stderr


def test_env_is_valid_shell(whole: Program) -> None:
    script = 'eval "$(cat)" && test -n "$PGPASSWORD" && test "$PGSSLMODE" = verify-full && test -f "$SSL_CERT_FILE"'
    exports = whole.must("env").stdout
    subprocess.run(["sh", "-euc", script], input=exports, text=True, check=True)


def test_kubernetes_client_sees_the_release_and_its_secrets_are_not_in_the_manifest(
    whole: Program, variables: dict[str, str]
) -> None:
    from kubernetes import client, config

    api = config.new_client_from_config(variables["KUBECONFIG"])
    pods = client.CoreV1Api(api).list_pod_for_all_namespaces(label_selector="app.kubernetes.io/name=bugsink").items
    assert pods
    for pod in pods:
        assert not pod.spec.automount_service_account_token
        said = json.dumps(api.sanitize_for_serialization(pod))
        assert variables["PGPASSWORD"] not in said


def test_topics_are_as_the_schemas_say(whole: Program) -> None:
    assert whole("topics").exit_code == 0


def test_topics_mend_what_was_changed(whole: Program, variables: dict[str, str]) -> None:
    from kit.stores import kafka, kafka_admin
    from tests.support.reach import local_target

    local = local_target(whole)
    admin = kafka_admin.connect(kafka.admin_endpoint(local.endpoints().kafka, local.credentials()), local.trust())
    admin.delete_topics(["ingest-events"])["ingest-events"].result(20)
    assert whole("topics").exit_code == 3
    whole.must("topics", "--mend")
    assert whole("topics").exit_code == 0


def test_topics_that_nobody_asked_for_are_deleted_with_leave_alone(whole: Program) -> None:
    from confluent_kafka.admin import NewTopic

    from kit.stores import kafka, kafka_admin

    local = local_target(whole)
    admin = kafka_admin.connect(kafka.admin_endpoint(local.endpoints().kafka, local.credentials()), local.trust())
    admin.create_topics([NewTopic("of-nobody", 1)])["of-nobody"].result(20)
    refused = whole("topics", "--delete-extra", "-o", "json")
    assert (refused.exit_code, refused.json["error"]["code"]) == (16, "KIT-NEEDS-YES")
    assert "of-nobody" in refused.json["error"]["why"]
    assert "of-nobody" in whole("topics").stdout
    assert "of-nobody" not in whole.must("topics", "--delete-extra", "--yes").stdout


def test_certs_show_every_holder(whole: Program) -> None:
    rows = whole.must("certs", "show", "-o", "json").json
    assert {row["holder"] for row in rows} == {"root", "intermediate", *STORES, "sentry"}
    assert all(Path(row["file"]).exists() and row["days_left"] >= 59 for row in rows)


def test_doctor_finds_nothing_wrong(whole: Program) -> None:
    findings = whole.must("doctor", "-o", "json").json
    assert len(findings) >= 15
    assert [finding for finding in findings if finding["verdict"] == "wrong"] == []


@pytest.mark.parametrize("component", [*STORES, "kubernetes", "sentry"])
def test_logs_show_what_a_component_wrote(whole: Program, component: str) -> None:
    said = whole.must("logs", component, "--tail", "20").stdout
    assert said.strip() or component == "s3"  # MinIO says nothing while all is well


def test_no_secret_in_any_log_or_output(whole: Program) -> None:
    from tests.support.reach import local_target

    local = local_target(whole)
    words = [*("status", "verify", "doctor", "certs show", "topics", "up --local --plan")]
    said = "".join(whole(*word.split()).stdout + whole(*word.split()).stderr for word in words)
    said += "".join(path.read_text(errors="replace") for path in local.workspace.logs.rglob("*.log"))
    assert [name for name, secret in local.secrets().items() if secret.reveal() in said] == []


def test_a_followed_log_of_a_store_says_what_comes(whole: Program, variables: dict[str, str]) -> None:
    with followed(whole, "postgres", "--tail", "1") as lines:
        said = [next(lines)]  # the tail: from here on it follows
        for user in ("nobody-1", "nobody-2"):
            python("import psycopg; psycopg.connect()", {**variables, "PGUSER": user})
            while f'user "{user}"' not in said[-1]:
                said.append(next(lines))
    assert sum("nobody-" in line for line in said[1:]) == 2, said


def test_a_followed_log_of_the_cluster_says_each_line_once_and_ends_with_its_pod(whole: Program) -> None:
    """More lines than its tail: of a pod that takes the place of the probes'."""
    kube, name = local_target(whole).kube, f"counts-{os.getpid()}"
    code = "import time\nfor number in range(150):\n    print(number, flush=True)\n    time.sleep(0.1)"
    image = whole.must("images", "list", "-o", "json").json
    (probe,) = (row["place"] for row in image if row["name"] == "image/probe")
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True, "runAsUser": 1000}
    security |= {"seccompProfile": {"type": "RuntimeDefault"}}  # the namespace is of the restricted kind
    container = {"name": "counts", "image": probe, "command": ["python3", "-c", code], "securityContext": security}
    metadata = {"name": name, "namespace": "sentry", "labels": {"app.kubernetes.io/name": "probes"}}
    spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]}
    kube.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    try:
        while (kube.get("Pod", name, "sentry") or {})["status"]["phase"] == "Pending":
            time.sleep(0.1)
        with followed(whole, "probes", "--tail", "3") as lines:
            numbers = [int(line) for line in lines]
        assert numbers == list(range(numbers[0], 150))
        assert len(numbers) > 3
    finally:
        kube.delete("Pod", name, "sentry")


@contextmanager
def followed(program: Program, *words: str) -> Iterator[Iterator[str]]:
    """The lines of `kit logs -f`, which is told to end afterwards; killed where it says nothing for a minute."""
    process = program.start("logs", "-f", *words)
    assert process.stdout is not None
    late = threading.Timer(60, process.kill)
    late.start()
    try:
        yield iter(process.stdout)
    finally:
        late.cancel()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode in (0, 130)
