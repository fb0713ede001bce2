"""The preflight of a release in the real cluster: green on what the module renders, red on every mistake, each by its name.

Mistakes at different stores are made together, in few runs: what one of them causes must not hide another.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kit import cancel
from kit.adapters.containerd import node
from kit.adapters.helm import Helm
from kit.adapters.kind import node_name
from kit.adapters.terraform.program import Terraform
from kit.endpoints import Endpoints, Secret
from kit.pki import authority, folder
from kit.sentry import credentials, jobs, nodestore, objects
from kit.sentry.chart import manifests, values, wiring
from kit.sentry.lines import profiles, topics
from kit.sentry.preflight import preflight
from kit.sentry.preflight.preflight import Candidate
from kit.sentry.preflight.verdict import NOTE, Preflight
from kit.sentry.stand_in import lite
from kit.stores import catalog, kafka, kafka_admin, kafka_topics
from kit.stores.kafka_topics import Topic
from kit.stores.wire.tls import Deadline
from kit.targets.local.target import LocalTarget
from tests.support.program import Program
from tests.support.reach import local_target
from tests.support.tls_server import certified_laxly

NAMESPACE_GONE_S = 300.0
IMAGES = {"seed": "probe-seed", "current": "probe-current"}
# A server that ends TLS with what it is given, or does not speak TLS at all. Clients never come far enough to ask it anything.
SERVER = """
import socket, ssl, sys
listening = socket.create_server(("", 6380))
context = None
if len(sys.argv) > 1:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
while True:
    plain, _ = listening.accept()
    try:
        if context: context.wrap_socket(plain, server_side=True).close()
        else: plain.sendall(b"-ERR no TLS here\\r\\n"); plain.close()
    except OSError:
        plain.close()
"""
# A ClickHouse over HTTPS that is newer than any that Snuba knows, lets its user read no system table that needs a right, and
# names hosts by its plaintext port. The words are a 25.8's (ClickHouse#38970).
CLICKHOUSE = """
import http.server, ssl
DENIED = "Code: 497. DB::Exception: sentry: Not enough privileges. To execute this query, it's necessary to have the grant " \\
    "SELECT(total_replicas) ON system.replicas. (ACCESS_DENIED) (version 27.1.2.3 (official build))"
written = [""]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        query = self.rfile.read(int(self.headers["Content-Length"])).decode()
        is_denied = any(f"system.{table} " in query for table in ("replicas", "parts", "mutations"))
        if query.startswith("INSERT"): written[0] = query.split("'")[1]
        answers = {"SELECT version()": "27.1.2.3", "SELECT value": written[0], "SELECT arrayStringConcat": "ch-1:9000 ch-2:9000"}
        said = DENIED if is_denied else next((text for start, text in answers.items() if query.startswith(start)), "")
        self.send_response(500 if is_denied else 200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said.encode())
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
server = http.server.ThreadingHTTPServer(("", 8443), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


@dataclass
class Case:
    """One release, before it is rendered: what a user could get wrong."""

    values: dict[str, Any]
    credentials: dict[str, dict[str, Any]]  # by name; taken out: not applied, and not there
    topics: dict[str, dict[str, str]]
    hosts: dict[str, str]  # servers prepared wrong
    after: list[Callable[[list[Any]], None]] = field(default_factory=list)  # on the wired manifests
    meanwhile: list[AbstractContextManager[None]] = field(default_factory=list)  # what the stores are for the length of a run
    version: str = ""  # of Sentry, where it is not the profile's
    is_stand_in: bool = True  # the ClickHouse that is built here is too old for any Snuba

    def secret(self, name: str, **data: str) -> None:
        self.credentials[name]["data"].update({key: base64.b64encode(text.encode()).decode() for key, text in data.items()})

    def sentry(self, lines: str) -> None:
        self.values["config"]["sentryConfPy"] += f"\n{lines}\n"

    def snuba(self, lines: str) -> None:
        self.values["config"]["snubaSettingsPy"] += f"\n{lines}\n"


@dataclass(frozen=True)
class Rig:
    """The cluster with stores beside it, and everything that a release is made from."""

    local: LocalTarget
    images: dict[str, str]

    def case(self, profile: str) -> Case:
        loaded = profiles.load(profile)
        terraform = Terraform(self.local.supply.tool("terraform"), {})
        place = values.Place("https://127.0.0.1:9443", "admin@sentry.local")
        asked = values.inputs(self.endpoints, loaded, "errors-only", place)
        rendered = values.parse(values.written(terraform, self.local.workspace.assets / profiles.MODULE, asked))
        rendered["lite"] = {
            "stack": self.stack,
            "sentryVersion": loaded.app_version,
            "images": {"bugsink": "none:1", "probe": "none:1"},
        }
        wanted = {topic.name: dict(topic.settings) for topic in self.topics(profile)}
        applied = {each["metadata"]["name"]: copy.deepcopy(dict(each)) for each in self.objects}
        return Case(rendered, applied, wanted, self.hosts)

    def run(self, profile: str, case: Case) -> Preflight:
        """With the case's objects in the namespace, and the right ones again afterwards."""
        release = self.release(profile, case)
        gone = {each["metadata"]["name"] for each in self.objects} - case.credentials.keys()
        try:
            for document in release.credentials:
                self.local.kube.apply(document)
            for name in gone:
                self.local.kube.delete("Secret", name, objects.NAMESPACE)
            with ExitStack() as changed:
                for change in case.meanwhile:
                    changed.enter_context(change)
                return preflight.run(release, self.local.kube)
        finally:
            for document in self.objects:
                self.local.kube.apply(document)

    def release(self, profile: str, case: Case) -> Candidate:
        loaded = profiles.load(profile)
        helm = Helm(self.local.supply.tool("helm"), self.local.workspace.kubeconfig)
        chart = self.local.workspace.assets / lite.CHART
        rendered = manifests.parse(helm.template(objects.RELEASE, chart, objects.NAMESPACE, case.values))
        wires = wiring.from_document(profile, loaded.wiring)
        wired = [copy.deepcopy(dict(document)) for document in wiring.wire(rendered, wires)]
        for change in case.after:
            change(wired)

        def reveal(key: wiring.Key) -> Secret:
            return Secret(base64.b64decode(case.credentials[key.secret]["data"][key.key]).decode())

        filled = wiring.filled_files(rendered, wires, objects.NAMESPACE, reveal)
        known = [*case.credentials.values(), *filled]
        return Candidate(
            stack=self.stack,
            documents=wired,
            app_version=case.version or loaded.app_version,
            probe_image=self.images[profile],
            trust=wires.mount,
            topics=case.topics,
            credentials=known,
            clickhouse=f">={loaded.minimum_clickhouse},<={loaded.maximum_clickhouse}",
            is_stand_in=case.is_stand_in,
        )

    @property
    def stack(self) -> str:
        return self.local.stack.name

    @property
    def hosts(self) -> dict[str, str]:
        """Where `servers` serves."""
        return {kind: f"{self.stack}-{kind}" for kind in ("expired", "foreign", "plain", "lax", "cluster", "replica", "denying")}

    @property
    def endpoints(self) -> Endpoints:
        """As pods see them."""
        logins = self.local.credentials()
        known = {name: catalog.module(name) for name in catalog.NAMES}
        ports = {name: {port.name: port.number for port in module.PORTS} for name, module in known.items()}
        return Endpoints(**{name: module.endpoint(name, ports[name], logins) for name, module in known.items()})

    @property
    def objects(self) -> tuple[Any, ...]:
        space = self.local.workspace
        trust = credentials.TrustTexts(space.ca_file.read_text(), space.bundle_file.read_text())
        logins = credentials.Logins(Secret("k" * 50), Secret("an-admin-s-password"))
        return (*credentials.documents(self.stack, self.endpoints, trust, logins), nodestore.document(self.stack, space.assets))

    def topics(self, profile: str) -> tuple[Topic, ...]:
        return topics.wanted(profiles.load(profile), self.local.workspace.assets, {})

    def mend_topics(self, profile: str) -> None:
        topics.mend(self.local.endpoints().kafka, self.local.credentials(), self.local.trust(), self.topics(profile))


@pytest.fixture(scope="module")
def rig(cluster: Program) -> Iterator[Rig]:
    """The current line's stores; both lines' probe images."""
    with _equipped(local_target(cluster), IMAGES) as made:
        yield made


@pytest.fixture(scope="module")
def seed_rig(seed: Program) -> Iterator[Rig]:
    """The stores that kit gives the article's line."""
    with _equipped(local_target(seed), {"seed": IMAGES["seed"]}) as made:
        yield made


@contextmanager
def _equipped(local: LocalTarget, wanted: dict[str, str]) -> Iterator[Rig]:
    """With a namespace for Sentry, which nobody has yet."""
    local.supply.ensure([*wanted.values(), "terraform", "helm"])
    images = {profile: local.supply.image(name).reference for profile, name in wanted.items()}
    node.load(local.docker, node_name(local.stack.name), list(images.values()))
    local.kube.apply(objects.namespace(local.stack.name, restricted=True))
    yield Rig(local, images)
    local.kube.delete("Namespace", objects.NAMESPACE)
    deadline = Deadline(NAMESPACE_GONE_S)
    while local.kube.get("Namespace", objects.NAMESPACE) is not None:
        cancel.wait(min(0.2, deadline.remaining_s()))


@pytest.fixture(scope="module")
def servers(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Beside the stores, each wrong in its own way."""
    folders = tmp_path_factory.mktemp("servers")
    try:
        serve(rig, folders)
        yield
    finally:
        subprocess.run(["docker", "rm", "--force", *rig.hosts.values()], check=False, capture_output=True)


def serve(rig: Rig, folders: Path) -> None:
    for kind, name in rig.hosts.items():
        place = folders / name
        place.mkdir()
        place.chmod(0o755)
        _certify(rig.local, place, kind, name)
        program = _valkey(rig.local, place, kind) if kind in ("cluster", "replica") else _python(rig, kind)
        for made in place.iterdir():
            made.chmod(0o644)
        at = ["--name", name, "--network", rig.stack, "--volume", f"{place}:/tls:ro"]
        subprocess.run(["docker", "run", "--detach", *at, *program], check=True, capture_output=True)


def _certify(local: LocalTarget, place: Path, kind: str, name: str) -> None:
    """Into the server's folder: tls.crt and tls.key, and the authority of a lax one as ca.crt."""
    if kind == "lax":
        pair = certified_laxly(place, name).pair.read_text()
        chain, begin, key = pair.partition("-----BEGIN PRIVATE KEY-----")
        (place / "tls.crt").write_text(chain)
        (place / "tls.key").write_text(begin + key)
        return
    now = datetime.now(UTC)
    known = folder.load_authority(local.workspace.certs, now)
    assert known is not None
    signer = authority.create(local.stack.name, now) if kind == "foreign" else known
    leaf = authority.issue(signer, name, (name,), now - timedelta(days=200 if kind == "expired" else 0))
    (place / "tls.crt").write_bytes(leaf.certificate_pem() + signer.intermediate.certificate_pem())
    (place / "tls.key").write_bytes(leaf.key_pem())


def _python(rig: Rig, kind: str) -> list[str]:
    program = CLICKHOUSE if kind == "denying" else SERVER
    return [rig.images["current"], "/usr/bin/python3", "-c", program, *([] if kind == "plain" else ["tls"])]


def _valkey(local: LocalTarget, place: Path, kind: str) -> list[str]:
    """The stack's own Valkey with its password, without slots or with a master that never answers."""
    digest = hashlib.sha256(local.secrets()["redis_sentry"].reveal().encode()).hexdigest()
    own = {"cluster": ["cluster-enabled yes", "dir /tmp"], "replica": ["replicaof 192.0.2.1 6380", "dir /tmp"]}[kind]
    tls = ["port 0", "tls-port 6380", "tls-cert-file /tls/tls.crt", "tls-key-file /tls/tls.key", "tls-auth-clients no"]
    tls += ["tls-ca-cert-file /tls/tls.crt", f"user default on #{digest} ~* &* +@all"]
    (place / "valkey.conf").write_text("\n".join([*tls, *own]) + "\n")
    return [local.supply.image("redis").reference, "valkey-server", "/tls/valkey.conf"]


# ── green ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def green(rig: Rig) -> Preflight:
    rig.mend_topics("current")
    return rig.run("current", rig.case("current"))


def test_what_the_module_renders_for_the_current_line_reaches_every_store(green: Preflight) -> None:
    assert green.passed, "\n".join(probe.words for probe in green.wrong)
    seen = {(probe.component, probe.store) for probe in green.probes}
    sentry = {("sentry-web", store) for store in catalog.NAMES if store != "clickhouse"}
    assert seen >= sentry | {("sentry-snuba-api", store) for store in ("clickhouse", "redis", "kafka")}
    assert seen >= {("sentry-relay", "kafka"), ("sentry-relay", "redis"), ("sentry-taskbroker", "kafka")}


def test_every_client_refuses_a_foreign_authority_of_the_same_name(green: Preflight) -> None:
    assert {probe.foreign.partition(":")[0] for probe in green.probes} == {"refused"}


def test_a_clickhouse_that_only_a_snuba_would_mind_is_a_note_for_the_stand_in(green: Preflight) -> None:
    said = {probe.said for probe in green.probes if probe.store == "clickhouse" and probe.cause == NOTE}
    assert any("Snuba takes" in words for words in said), said


def test_one_component_tries_a_record_of_the_largest_size_that_the_topics_promise(green: Preflight) -> None:
    sizes = [probe for probe in green.probes if "bytes too" in probe.said]
    assert [(probe.component, "one of 49998976 bytes" in probe.said) for probe in sizes] == [("sentry-relay", True)]


def test_every_connection_tells_latency_and_version_of_tls(green: Preflight) -> None:
    assert {probe.tls for probe in green.probes} <= {"TLSv1.2", "TLSv1.3"}
    assert all(probe.latency_ms is not None and probe.latency_ms > 0 for probe in green.probes)


def test_the_time_that_it_took_is_told(green: Preflight) -> None:
    assert green.seconds > 0  # how long that should be, the bench says: machines are shared


def test_the_outcome_is_kept_and_nothing_else_is_left(rig: Rig, green: Preflight) -> None:
    api = rig.local.kube
    kept = preflight.last(api)
    assert kept is not None
    assert kept.probes  # of the last run, whichever that was
    left = [each for kind in ("ConfigMap", "Secret") for each in api.list(kind, objects.NAMESPACE, "dev.kit.preflight=run")]
    assert left == []


@pytest.fixture(scope="module")
def seed_green(seed_rig: Rig) -> Preflight:
    seed_rig.mend_topics("seed")
    return seed_rig.run("seed", seed_rig.case("seed"))


def test_what_the_module_renders_for_the_article_s_line_reaches_every_store(seed_green: Preflight) -> None:
    assert seed_green.passed, "\n".join(probe.words for probe in seed_green.wrong)
    clients = {probe.client for probe in seed_green.probes}
    assert clients >= {"psycopg2", "redis-py", "kombu", "confluent-kafka", "boto3", "clickhouse-driver", "clickhouse-http"}
    assert {probe.foreign.partition(":")[0] for probe in seed_green.probes} == {"refused"}


def test_kafka_4_is_told_to_be_too_new_for_the_article_s_line(rig: Rig) -> None:
    """Sentry 25.2.0 pins confluent-kafka 2.3.0, whose SCRAM Kafka 4 refuses as if the password were wrong (librdkafka#4895)."""
    rig.mend_topics("seed")
    outcome = rig.run("seed", rig.case("seed"))
    wrong = {(probe.component, probe.store, probe.cause) for probe in outcome.wrong}
    assert wrong == {("sentry-web", "kafka", "scram-nonce"), ("sentry-relay", "kafka", "scram-nonce")}
    assert {probe.store for probe in outcome.probes if probe.holds and probe.component == "sentry-snuba-api"} >= {"kafka"}


# ── red ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _address(rig: Rig, store: str) -> str:
    """The container's number: a server's certificate on the stores' network carries names only."""
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    argv = ["docker", "inspect", "--format", template, f"{rig.stack}-{store}"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def _without(variables: set[str], component: str) -> Callable[[list[Any]], None]:
    def change(documents: list[Any]) -> None:
        for document in documents:
            if document["metadata"]["name"] == component and document["kind"] == "Deployment":
                for container in manifests.containers(document):
                    kept = [entry for entry in container.spec["env"] if entry["name"] not in variables]
                    container.spec["env"][:] = kept  # type: ignore[index]

    return change


def _first(rig: Rig, case: Case) -> None:
    case.values["externalPostgresql"]["host"] = _address(rig, "postgres")
    case.values["externalRedis"]["host"] = case.hosts["expired"]
    case.values["filestore"]["s3"]["default_acl"] = "public-read"
    case.snuba('CLUSTERS[0]["secure"] = False')
    case.topics["no-such-topic"] = {}


def _second(rig: Rig, case: Case) -> None:
    case.secret(credentials.POSTGRES, password="wrong")
    case.secret(credentials.REDIS, **{"redis-password": "wrong"})
    case.secret(credentials.CLICKHOUSE, **{"clickhouse-password": "wrong"})
    case.secret(credentials.KAFKA, password="wrong")
    case.secret(credentials.FILESTORE, **{"secret-key": "wrong-wrong-wrong"})


def _third(rig: Rig, case: Case) -> None:
    own, other = case.credentials[credentials.FILESTORE]["data"], case.credentials[credentials.NODESTORE]["data"]
    case.credentials[credentials.FILESTORE]["data"], case.credentials[credentials.NODESTORE]["data"] = other, own
    case.secret(credentials.KAFKA, mechanism="SCRAM-SHA-256")
    case.sentry('DATABASES["default"]["OPTIONS"]["sslmode"] = "require"')
    case.snuba("REDIS_DB = 1\nCLUSTERS[0]['verify'] = False")


def _fourth(rig: Rig, case: Case) -> None:
    case.values["externalRedis"]["host"] = case.hosts["plain"]
    case.values["externalPostgresql"]["host"] = "nowhere.invalid"
    case.after.append(_without({"AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "DEFAULT_CA_BUNDLE"}, "sentry-web"))
    case.sentry('DEFAULT_KAFKA_OPTIONS["common"]["enable.ssl.certificate.verification"] = "false"')
    case.topics["events"]["max.message.bytes"] = "52428801"


def _fifth(rig: Rig, case: Case) -> None:
    case.values["externalRedis"]["host"] = case.hosts["foreign"]
    case.snuba("raise RuntimeError('a line of mine')")
    del case.credentials[credentials.SENTRY]


def _sixth(rig: Rig, case: Case) -> None:
    stranger = authority.create(rig.stack, datetime.now(UTC)).root.certificate_pem().decode()
    case.credentials[wiring.TRUST]["data"] = {"ca.crt": stranger, "bundle.crt": stranger}


def _with_variable(component: str, name: str, change: Callable[[str], str]) -> Callable[[list[Any]], None]:
    def changed(documents: list[Any]) -> None:
        for document in documents:
            if document["metadata"]["name"] == component and document["kind"] == "Deployment":
                for container in manifests.containers(document):
                    env = container.spec["env"]
                    there = next((entry for entry in env if entry["name"] == name), {"name": name, "value": ""})
                    env[:] = [entry for entry in env if entry["name"] != name]
                    env.append({**there, "value": change(there["value"])})

    return changed


@contextmanager
def _group_closed(rig: Rig, group: str) -> Iterator[None]:
    """To Sentry's login, on the real broker."""
    from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

    endpoint = rig.local.endpoints().kafka
    admin = kafka_admin.connect(kafka.admin_endpoint(endpoint, rig.local.credentials()), rig.local.trust())
    kind, pattern = ResourceType.GROUP, ResourcePatternType.LITERAL
    denial = AclBinding(kind, group, pattern, f"User:{endpoint.username}", "*", AclOperation.ALL, AclPermissionType.DENY)
    kafka_admin.finish("closing a group", admin.create_acls([denial]).values())
    try:
        yield
    finally:
        from confluent_kafka.admin import AclBindingFilter

        same = AclBindingFilter(kind, group, pattern, f"User:{endpoint.username}", "*", AclOperation.ALL, AclPermissionType.DENY)
        kafka_admin.finish("opening a group", admin.delete_acls([same]).values())


@contextmanager
def _smoke_of(rig: Rig, size_bytes: int) -> Iterator[None]:
    """The topic that the preflight writes to, smaller than what the topics promise."""
    endpoint = rig.local.endpoints().kafka
    admin = kafka_admin.connect(kafka.admin_endpoint(endpoint, rig.local.credentials()), rig.local.trust())
    smoke, size = kafka_topics.SMOKE.name, "max.message.bytes"
    kafka_topics.mend(admin, kafka_topics.Comparison((), (), (), (kafka_topics.Difference(smoke, size, str(size_bytes), ""),)))
    try:
        yield
    finally:
        assert kafka_topics.mend_own(admin) == (f"1 settings of topic {smoke}",)


def _seventh(rig: Rig, case: Case) -> None:
    case.values["externalRedis"]["host"] = case.hosts["cluster"]
    case.snuba("CLUSTERS[0].update(port=8443, http_port=9440)")
    case.meanwhile += [_group_closed(rig, "ingest-consumer"), _smoke_of(rig, 65536)]


def _eighth(rig: Rig, case: Case) -> None:
    case.values["externalRedis"]["host"] = case.hosts["replica"]
    case.values["externalClickhouse"]["host"] = case.hosts["denying"]
    case.snuba('CLUSTERS[0].update(single_node=False, cluster_name="sentry")')
    case.after.append(_with_variable(WEB, "HTTPS_PROXY", lambda none: "http://proxy.invalid:3128"))
    case.version = "26.9.0"  # from which on Snuba opens the hosts' HTTP port
    case.is_stand_in = False


def _ninth(rig: Rig, case: Case) -> None:
    case.values["filestore"]["s3"]["bucketName"] = "no-such-bucket"
    case.after.append(_with_variable(RELAY, "RELAY_REDIS_URL", lambda url: f"{url}#insecure"))
    case.snuba('CLUSTERS[0].update(single_node=False, cluster_name="no-such-cluster")')
    case.is_stand_in = False


def _tenth(rig: Rig, case: Case) -> None:
    """The authority is known to all, and was made by hand."""
    name = case.hosts["lax"]
    case.values["externalRedis"]["host"] = name
    shown = ["docker", "exec", name, "cat", "/tls/ca.crt"]
    by_hand = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
    trust = case.credentials[wiring.TRUST]["data"]
    case.credentials[wiring.TRUST]["data"] = {**trust, "bundle.crt": trust["bundle.crt"] + by_hand}


BATCHES: dict[str, Callable[[Rig, Case], None]] = {
    "first": _first,
    "second": _second,
    "third": _third,
    "fourth": _fourth,
    "fifth": _fifth,
    "sixth": _sixth,
    "seventh": _seventh,
    "eighth": _eighth,
    "ninth": _ninth,
    "tenth": _tenth,
}
WEB, SNUBA, RELAY = "sentry-web", "sentry-snuba-api", "sentry-relay"
MISTAKES = {
    "wrong host name": ("first", WEB, "postgres", "wrong-name"),
    "expired leaf": ("first", WEB, "redis", "expired"),
    "expired leaf, seen by Relay": ("first", RELAY, "redis", "expired"),
    "public ACL": ("first", WEB, "s3", "public-acl"),
    "ClickHouse without secure": ("first", SNUBA, "clickhouse", "plaintext"),
    "missing topic": ("first", WEB, "kafka", "missing-topic"),
    "wrong password of Postgres": ("second", WEB, "postgres", "password"),
    "wrong password of Redis": ("second", SNUBA, "redis", "password"),
    "wrong password of Redis, in Relay": ("second", RELAY, "redis", "password"),
    "wrong password of ClickHouse": ("second", SNUBA, "clickhouse", "password"),
    "wrong password of Kafka": ("second", WEB, "kafka", "password"),
    "wrong password of Kafka, in taskbroker": ("second", "sentry-taskbroker", "kafka", "password"),
    "wrong key of the filestore": ("second", WEB, "s3", "password"),
    "swapped keys": ("third", WEB, "s3", "denied"),
    "wrong SCRAM mechanism": ("third", WEB, "kafka", "mechanism"),
    "sslmode require": ("third", WEB, "postgres", "not-verifying"),
    "Redis database mismatch": ("third", SNUBA, "redis", "redis-db"),
    "ClickHouse without verify": ("third", SNUBA, "clickhouse", "not-verifying"),
    "plaintext port": ("fourth", WEB, "redis", "plaintext-port"),
    "name that does not resolve": ("fourth", WEB, "postgres", "unresolved"),
    "no authority named": ("fourth", WEB, "s3", "no-ca"),
    "Kafka client that does not verify": ("fourth", WEB, "kafka", "not-verifying"),
    "topic with too small a message size": ("fourth", SNUBA, "kafka", "topic-too-small"),
    "server of a foreign authority": ("fifth", RELAY, "redis", "unknown-ca"),
    "unknown bucket": ("ninth", WEB, "s3", "denied"),  # S3 does not tell strangers which buckets there are
    "settings that do not run": ("fifth", SNUBA, "", "settings"),
    "Secret missing": ("fifth", WEB, "", "missing-object"),
    "wrong authority": ("sixth", WEB, "postgres", "unknown-ca"),
    "wrong authority, for Snuba": ("sixth", SNUBA, "clickhouse", "unknown-ca"),
    "wrong authority, for Relay": ("sixth", RELAY, "kafka", "unknown-ca"),
    "Redis in cluster mode": ("seventh", WEB, "redis", "redis-cluster"),
    "Redis in cluster mode, for Snuba": ("seventh", SNUBA, "redis", "redis-cluster"),
    "Redis in cluster mode, for Relay": ("seventh", RELAY, "redis", "redis-cluster"),
    "ClickHouse's ports changed about": ("seventh", SNUBA, "clickhouse", "port-mixed"),
    "closed consumer group": ("seventh", WEB, "kafka", "group-denied"),
    "record that is too large": ("seventh", RELAY, "kafka", "record-too-large"),
    "replica of Redis": ("eighth", WEB, "redis", "redis-replica"),
    "replica of Redis, for Relay": ("eighth", RELAY, "redis", "redis-replica"),
    "system tables denied": ("eighth", SNUBA, "clickhouse", "system-tables"),
    "ClickHouse too new": ("eighth", SNUBA, "clickhouse", "clickhouse-new"),
    "ClickHouse's other hosts": ("eighth", SNUBA, "clickhouse", "cluster-hosts"),
    "proxy before the bucket": ("eighth", WEB, "s3", "proxy"),
    "Relay told not to verify Redis": ("ninth", RELAY, "redis", "not-verifying"),
    "ClickHouse's cluster unknown": ("ninth", SNUBA, "clickhouse", "cluster-hosts"),
    "ClickHouse too old": ("ninth", SNUBA, "clickhouse", "clickhouse-old"),
    "authority without the form": ("tenth", WEB, "redis", "authority-form"),
}


@pytest.fixture(scope="module")
def batches(rig: Rig, servers: None, green: Preflight) -> Callable[[str], Preflight]:
    done: dict[str, Preflight] = {}

    def run(name: str) -> Preflight:
        if name not in done:
            rig.mend_topics("current")
            case = rig.case("current")
            BATCHES[name](rig, case)
            done[name] = rig.run("current", case)
        return done[name]

    return run


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named_by_component_store_cause_and_remedy(mistake: str, batches: Callable[[str], Preflight]) -> None:
    batch, component, store, cause = MISTAKES[mistake]
    outcome = batches(batch)
    found = [probe for probe in outcome.probes if (probe.component, probe.store, probe.cause) == (component, store, cause)]
    assert found, "\n".join(f"{probe.component} {probe.store} {probe.cause}: {probe.said}" for probe in outcome.probes)
    assert not outcome.passed
    assert found[0].what
    assert found[0].fix
    assert found[0].said


def test_what_is_right_stays_green_beside_what_is_wrong(batches: Callable[[str], Preflight]) -> None:
    right = {(probe.component, probe.store) for probe in batches("first").probes if probe.holds}
    assert right >= {(WEB, "s3")}  # the nodestore beside the public filestore
    assert {(probe.component, probe.store) for probe in batches("second").probes if probe.holds} >= {(WEB, "s3")}  # the nodestore


def test_celery_s_broker_that_accepts_any_certificate_is_found_out(seed_rig: Rig) -> None:
    case = seed_rig.case("seed")
    case.sentry('BROKER_URL = BROKER_URL.partition("?")[0]')
    outcome = seed_rig.run("seed", case)
    broker = next(probe for probe in outcome.probes if probe.client == "kombu")
    assert (broker.component, broker.store, broker.cause) == (WEB, "redis", "not-verifying")


def test_an_authority_without_the_form_is_found_for_a_sentry_on_python_3_13_by_a_probe_on_3_11(rig: Rig, servers: None) -> None:
    rig.mend_topics("seed")
    case = rig.case("seed")
    _tenth(rig, case)
    causes = {probe.component: probe.cause for probe in rig.run("seed", case).probes if probe.client == "redis-py"}
    assert causes[WEB] == "authority-form"
    assert causes[SNUBA] != "authority-form"  # Snuba 25.2 runs on 3.11


def test_no_secret_is_in_what_the_preflight_keeps_or_says(rig: Rig, batches: Callable[[str], Preflight]) -> None:
    batches("second")
    kept = rig.local.kube.get("ConfigMap", preflight.RESULT, objects.NAMESPACE)
    assert kept is not None
    said = json.dumps(kept)
    assert not [name for name, secret in rig.local.secrets().items() if secret.reveal() in said]
    assert "wrong-wrong-wrong" not in said


def test_an_image_that_the_node_has_not_is_told_early(rig: Rig) -> None:
    release = replace(rig.release("current", rig.case("current")), probe_image="kit.local/none:1")
    outcome = preflight.run(release, rig.local.kube)
    assert {probe.cause for probe in outcome.probes} == {"not-started"}
    assert outcome.seconds < jobs.LIMIT_S["running"]
