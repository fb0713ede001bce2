"""The values' module with the real program: what every profile promises, what the settings do when executed, what is refused."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from kit.adapters.terraform.program import Terraform
from kit.endpoints import (
    Bucket,
    ClickHouseEndpoint,
    Endpoints,
    KafkaEndpoint,
    PostgresEndpoint,
    RedisEndpoint,
    S3Endpoint,
    Secret,
)
from kit.sentry.chart import values, wiring
from kit.sentry.chart.values import Place, ValuesRefused
from kit.sentry.lines import profiles
from tests.support.terraform import opentofu, program

MODULE = Path(__file__).parents[2] / profiles.MODULE
PLACE = Place("https://sentry.example.org", "admin@example.org")
PASSWORDS = {
    name: Secret(f"{name}-password-in-clear") for name in ("kafka", "postgres", "redis", "clickhouse", "files", "events")
}

LOCAL = Endpoints(
    kafka=KafkaEndpoint("kafka", 9091, "sentry", PASSWORDS["kafka"]),
    postgres=PostgresEndpoint("postgres", 6432, "sentry", "sentry", PASSWORDS["postgres"]),
    redis=RedisEndpoint("redis", 6380, "default", PASSWORDS["redis"]),
    clickhouse=ClickHouseEndpoint("clickhouse", 8443, 9440, "sentry", "sentry", PASSWORDS["clickhouse"]),
    s3=S3Endpoint(
        "s3", 9000, "us-east-1", Bucket("files", "AKFILES", PASSWORDS["files"]), Bucket("events", "AKEVENTS", PASSWORDS["events"])
    ),
)
CLOUD = Endpoints(
    kafka=KafkaEndpoint(
        "rc1a-k.mdb.example.net", 9091, "sentry", PASSWORDS["kafka"], ("rc1b-k.mdb.example.net", "rc1d-k.mdb.example.net")
    ),
    postgres=PostgresEndpoint("c-pg.rw.mdb.example.net", 6432, "sentry", "sentry", PASSWORDS["postgres"]),
    redis=RedisEndpoint("c-redis.rw.mdb.example.net", 6380, "default", PASSWORDS["redis"]),
    clickhouse=ClickHouseEndpoint("rc1a-ch.mdb.example.net", 8443, 9440, "sentry", "sentry", PASSWORDS["clickhouse"]),
    s3=S3Endpoint(
        "storage.example.net",
        443,
        "eu-1",
        Bucket("kit-files", "AKFILES", PASSWORDS["files"]),
        Bucket("kit-events", "AKEVENTS", PASSWORDS["events"]),
    ),
)
EVERY = [
    pytest.param(name, size, endpoints, id=f"{name}-{size}-{place}")
    for name in profiles.NAMES
    for size in ("errors-only", "full")
    for place, endpoints in (("local", LOCAL), ("cloud", CLOUD))
]


@pytest.fixture(scope="module")
def terraform() -> Terraform:
    return Terraform(program())


def given(name: str, size: str = "errors-only", endpoints: Endpoints = LOCAL, **more: Any) -> dict[str, Any]:
    return {**values.inputs(endpoints, profiles.load(name), size, PLACE), **more}


@pytest.fixture(scope="module")
def rendered(terraform: Terraform) -> Mapping[str, dict[str, Any]]:
    """ "seed/full/local" → values: each rendered once."""
    return {
        f"{name}/{size}/{place}": values.parse(values.written(terraform, MODULE, given(name, size, endpoints)))
        for name in profiles.NAMES
        for size in ("errors-only", "full")
        for place, endpoints in (("local", LOCAL), ("cloud", CLOUD))
    }


# -- what holds for every profile


def test_the_same_input_gives_the_same_bytes_in_both_products(terraform: Terraform) -> None:
    for name in profiles.NAMES:
        first = values.written(terraform, MODULE, given(name, "full", CLOUD))
        assert values.written(terraform, MODULE, given(name, "full", CLOUD)) == first
        assert values.written(Terraform(opentofu()), MODULE, given(name, "full", CLOUD)) == first


def test_no_secret_goes_in_and_none_comes_out(rendered: Mapping[str, Any]) -> None:
    handed = [str(given(name, size, endpoints)) for name, size, endpoints in (each.values for each in EVERY)]
    for said in [*handed, *(str(each) for each in rendered.values())]:
        assert "in-clear" not in said
        assert "AKFILES" not in said


def test_every_store_is_verified(rendered: Mapping[str, Any]) -> None:
    for found in rendered.values():
        assert found["externalPostgresql"]["sslMode"] == "verify-full"
        assert found["externalRedis"]["ssl"] is True
        assert found["externalKafka"]["security"]["protocol"] == "SASL_SSL"
        assert found["filestore"]["s3"]["endpointUrl"].startswith("https://")
        relay = {entry["name"]: entry["value"] for entry in found["relay"]["processing"]["additionalKafkaConfig"]}
        assert relay["ssl.ca.location"] == "/etc/kit/trust/ca.crt"


def test_nothing_of_the_charts_own_stores_is_left_on(rendered: Mapping[str, Any]) -> None:
    for key, found in rendered.items():
        for store in ("postgresql", "redis", "kafka", "nginx"):
            assert found[store]["enabled"] is False, (key, store)
        assert found["hooks"]["snubaInit"]["kafka"]["enabled"] is False
        assert found["hooks"]["activeDeadlineSeconds"] == 1800
        assert found["ingress"]["enabled"] is False
    assert rendered["seed/full/local"]["rabbitmq"]["enabled"] is False
    assert rendered["current/full/local"]["externalKafka"]["provisioning"]["enabled"] is False


def test_files_are_private_and_have_a_key_of_their_own(rendered: Mapping[str, Any]) -> None:
    for found in rendered.values():
        s3 = found["filestore"]["s3"]
        assert (s3["default_acl"], s3["signature_version"]) == ("private", "s3v4")
        assert (s3["existingSecret"], s3["accessKeyIdRef"], s3["secretAccessKeyRef"]) == (
            "kit-filestore",
            "access-key",
            "secret-key",
        )
        assert "accessKey" not in s3
        assert "secretKey" not in s3


def test_every_password_comes_from_a_secret(rendered: Mapping[str, Any]) -> None:
    for found in rendered.values():
        assert found["externalPostgresql"]["existingSecret"] == "kit-postgres"
        assert found["externalPostgresql"]["existingSecretKeys"] == {"password": "password"}
        assert found["externalRedis"]["existingSecret"] == "kit-redis"
        assert found["externalClickhouse"]["existingSecret"] == "kit-clickhouse"
        assert found["user"]["existingSecret"] == found["sentry"]["existingSecret"] == "kit-sentry"
    assert rendered["current/full/local"]["externalKafka"]["sasl"]["existingSecret"] == "kit-kafka"
    assert rendered["seed/full/local"]["externalKafka"]["sasl"]["password"] == "None"


def test_every_running_component_has_requests(rendered: Mapping[str, Any]) -> None:
    for name in profiles.NAMES:
        for size in ("errors-only", "full"):
            found = rendered[f"{name}/{size}/local"]
            for component in profiles.load(name).running(size):
                if component.since:
                    continue
                place: Any = found
                for part in component.key.split("."):
                    place = place[part]
                resources = place["api"]["resources"] if component.key == "symbolicator" else place["resources"]
                assert set(resources["requests"]) == {"cpu", "memory"}, component.key


def test_no_image_has_a_tag_that_moves(rendered: Mapping[str, Any]) -> None:
    for found in rendered.values():
        tag = found["hooks"]["dbCheck"]["image"]["tag"]
        assert re.fullmatch(r"\d+\.\d+\.\d+", tag)


# -- the two lines

# What Sentry's own small installation runs beside Relay.
ERRORS_ONLY = {
    *(f"sentry.{name}" for name in ("web", "worker", "cron", "cleanup", "ingestConsumerEvents", "ingestConsumerAttachments")),
    *("sentry.subscriptionConsumerEvents", "sentry.postProcessForwardErrors", "snuba.subscriptionConsumerEvents"),
    *(f"snuba.{name}" for name in ("api", "consumer", "outcomesConsumer", "outcomesBillingConsumer", "replacer")),
    "snuba.groupAttributesConsumer",
}


def _is_on(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("enabled") is True


def test_errors_only_leaves_out_what_errors_do_not_need(rendered: Mapping[str, Any]) -> None:
    small, whole = rendered["seed/errors-only/local"], rendered["seed/full/local"]
    assert small["sentry"]["ingestConsumerTransactions"] == {"enabled": False}
    assert whole["sentry"]["ingestConsumerTransactions"]["enabled"] is True
    on = {f"{part}.{name}" for part in ("sentry", "snuba") for name, each in small[part].items() if _is_on(each)}
    assert on == ERRORS_ONLY
    assert small["sentry"]["features"]["enableProfiling"] is False
    assert "vroom" not in small
    assert rendered["current/errors-only/local"]["profiles"] == ["errors-only"]
    assert rendered["current/full/local"]["profiles"] == ["feature-complete"]
    assert small["symbolicator"]["enabled"] is False


def test_keys_that_a_chart_does_not_know_yet_are_left_out(terraform: Terraform) -> None:
    own = values.parse(values.written(terraform, MODULE, given("seed")))
    later = values.parse(values.written(terraform, MODULE, given("seed", chart_version="26.18.0")))
    assert "processSpans" not in own["sentry"]
    assert later["sentry"]["processSpans"] == {"enabled": False}


def test_current_keeps_events_in_the_bucket_and_fetches_no_code(rendered: Mapping[str, Any]) -> None:
    nodestore = rendered["current/full/cloud"]["nodestore"]
    assert nodestore["installViaInitContainer"] is False
    assert nodestore["s3"]["existingSecret"] == "kit-nodestore"
    assert nodestore["s3"]["bucketName"] == "kit-events"
    assert {nodestore["s3"][name] for name in ("readThrough", "writeThrough", "deleteThrough")} == {"False"}
    assert "nodestore" not in rendered["seed/full/cloud"]


def test_vroom_has_a_client_certificate_wherever_it_runs(rendered: Mapping[str, Any]) -> None:
    for name in profiles.NAMES:
        env = {entry["name"]: entry for entry in rendered[f"{name}/full/cloud"]["vroom"]["env"]}
        mounts = [mount for each in wiring.from_document(name, profiles.load(name).wiring).images for mount in each.mounts]
        folder = next(mount.path for mount in mounts if mount.secret == "kit-vroom-client")
        assert env["SENTRY_KAFKA_SSL_CERT_PATH"]["value"] == f"{folder}/tls.crt"
        assert env["SENTRY_KAFKA_SSL_KEY_PATH"]["value"] == f"{folder}/tls.key"
        assert env["SENTRY_KAFKA_SASL_PASSWORD"]["valueFrom"]["secretKeyRef"] == {"name": "kit-kafka", "key": "password"}


def test_every_broker_is_named(rendered: Mapping[str, Any]) -> None:
    hosts = [entry["host"] for entry in rendered["seed/full/cloud"]["externalKafka"]["cluster"]]
    assert hosts == ["rc1a-k.mdb.example.net", "rc1b-k.mdb.example.net", "rc1d-k.mdb.example.net"]


def test_the_mount_can_be_elsewhere(terraform: Terraform) -> None:
    said = values.written(terraform, MODULE, given("current", "full", trust="/srv/ca"))
    assert "/etc/kit/trust" not in said
    assert "/srv/ca/ca.crt" in said


def test_an_ingress_is_made_where_one_is_asked_for(terraform: Terraform) -> None:
    ingress = {"class_name": "nginx", "hostname": "sentry.example.org", "tls_secret": "sentry-tls"}
    found = values.parse(values.written(terraform, MODULE, given("current", ingress=ingress)))["ingress"]
    assert (found["enabled"], found["ingressClassName"]) == (True, "nginx")
    assert found["tls"] == [{"secretName": "sentry-tls", "hosts": ["sentry.example.org"]}]


def test_a_route_is_attached_to_the_gateway_that_is_named(terraform: Terraform) -> None:
    gateway = {"name": "main", "namespace": "gateways", "listener": "https", "hostname": "sentry.example.org"}
    found = values.parse(values.written(terraform, MODULE, given("current", gateway=gateway)))
    parent = {"name": "main", "namespace": "gateways", "sectionName": "https"}
    assert found["route"]["main"] == {"enabled": True, "hostnames": ["sentry.example.org"], "parentRefs": [parent]}
    assert found["ingress"]["enabled"] is False
    assert "route" not in values.parse(values.written(terraform, MODULE, given("current")))


def test_an_image_of_ones_own_takes_the_place_of_the_charts(terraform: Terraform) -> None:
    found = values.parse(
        values.written(
            terraform, MODULE, given("current", images={"sentry": {"repository": "example/sentry", "tag": "26.8.0-1"}})
        )
    )
    assert found["images"] == {"sentry": {"repository": "example/sentry", "tag": "26.8.0-1"}}


# -- mail

MAIL = {"host": "smtp.example.org", "port": 465, "user": "sentry", "from": "sentry@example.org", "tls": "tls"}


@pytest.mark.parametrize("name", profiles.NAMES)
def test_mail_leaves_over_tls_with_a_password_from_a_secret(terraform: Terraform, name: str) -> None:
    found = values.parse(values.written(terraform, MODULE, given(name, mail=MAIL)))["mail"]
    assert found == {
        "backend": "smtp",
        "host": "smtp.example.org",
        "port": 465,
        "useTls": False,
        "useSsl": True,
        "from": "sentry@example.org",
        "username": "sentry",
        "existingSecret": "kit-mail",
        "existingSecretKey": "mail-password",
    }


def test_mail_without_a_login_names_no_secret_and_takes_starttls(terraform: Terraform) -> None:
    relay = {"host": "relay.example.org", "from": "sentry@example.org"}
    found = values.parse(values.written(terraform, MODULE, given("current", mail=relay)))["mail"]
    assert (found["port"], found["useTls"], found["useSsl"]) == (587, True, False)
    assert not {"existingSecret", "existingSecretKey", "username", "password"} & set(found)


def test_without_mail_the_chart_keeps_its_own(rendered: Mapping[str, Any]) -> None:
    assert all("mail" not in found for found in rendered.values())


# -- the settings, executed after what the charts write before them


def sentry_settings(found: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "kafka!")
    monkeypatch.setenv("REDIS_PASSWORD", "re/dis")
    names: dict[str, Any] = {"os": os, "DEFAULT_KAFKA_OPTIONS": {"common": {"bootstrap.servers": "kafka:9091"}}}
    exec(found["config"]["sentryConfPy"], names)
    return names


def snuba_settings(found: Mapping[str, Any]) -> dict[str, Any]:
    plaintext = {"host": "clickhouse", "port": 9000, "secure": False, "verify": False, "ca_certs": None}
    names: dict[str, Any] = {"CLUSTERS": [plaintext], "BROKER_CONFIG": {"security.protocol": "plaintext"}, "REDIS_DB": 1}
    exec(found["config"]["snubaSettingsPy"], names)
    return names


@pytest.mark.parametrize("name", profiles.NAMES)
def test_executed_sentry_settings_verify_kafka(rendered: Mapping[str, Any], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    common = sentry_settings(rendered[f"{name}/full/local"], monkeypatch)["DEFAULT_KAFKA_OPTIONS"]["common"]
    assert common["security.protocol"] == "SASL_SSL"
    assert common["ssl.ca.location"] == "/etc/kit/trust/ca.crt"
    assert common["bootstrap.servers"] == "kafka:9091"
    assert common.get("sasl.password") == ("kafka!" if name == "seed" else None)


def test_celerys_broker_is_verified_and_its_password_escaped(
    rendered: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sentry_settings(rendered["seed/errors-only/cloud"], monkeypatch)["BROKER_URL"]
    assert url.startswith("rediss://:re%2Fdis@c-redis.rw.mdb.example.net:6380/0?")
    assert {"ssl_cert_reqs=CERT_REQUIRED", "ssl_check_hostname=true", "ssl_ca_certs=/etc/kit/trust/ca.crt"} <= set(
        url.split("?")[1].split("&")
    )
    assert "BROKER_URL" not in sentry_settings(rendered["current/errors-only/cloud"], monkeypatch)


@pytest.mark.parametrize("name", profiles.NAMES)
def test_kits_module_speaks_to_the_bucket_of_events(
    rendered: Mapping[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kit.sentry import nodestore

    found = sentry_settings(rendered[f"{name}/errors-only/cloud"], monkeypatch)
    assert found["SENTRY_NODESTORE"] == "kit_nodestore.S3NodeStorage"
    options = found["SENTRY_NODESTORE_OPTIONS"]
    assert options["bucket"] == "kit-events"
    assert options["endpoint"] == "https://storage.example.net"
    source = (Path(__file__).parents[2] / nodestore.SOURCE).read_text()
    accepted = re.search(r"def __init__\(\s*self,(.*?)\) ->", source, re.DOTALL)
    assert accepted is not None
    assert set(options) <= set(re.findall(r"(\w+):", accepted[1]))
    for_sentry = next(
        each for each in wiring.from_document(name, profiles.load(name).wiring).images if each.image == "getsentry/sentry"
    )
    assert for_sentry.env["PYTHONPATH"] == "/etc/kit/nodestore"
    assert (nodestore.CONFIG_MAP, "/etc/kit/nodestore") in {(mount.config_map, mount.path) for mount in for_sentry.mounts}
    assert for_sentry.secret_env["KIT_NODESTORE_SECRET_KEY"] == wiring.Key("kit-nodestore", "secret-key")


def test_the_charts_own_module_is_left_alone_where_the_image_holds_it(
    terraform: Terraform, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = {"sentry": {"repository": "example/sentry", "tag": "26.8.0-1"}}
    found = values.parse(values.written(terraform, MODULE, given("current", images=images, nodestore_module="chart")))
    assert found["nodestore"]["backend"] == "s3"
    assert "SENTRY_NODESTORE" not in sentry_settings(found, monkeypatch)


@pytest.mark.parametrize("name", profiles.NAMES)
@pytest.mark.parametrize("db", [0, 5])
def test_executed_snuba_settings_leave_nothing_unverified(terraform: Terraform, name: str, db: int) -> None:
    variables = deepcopy(given(name))
    variables["endpoints"]["redis"]["db"] = db
    found = snuba_settings(values.parse(values.written(terraform, MODULE, variables)))
    cluster = found["CLUSTERS"][0]
    assert (cluster["secure"], cluster["verify"], cluster["ca_certs"]) == (True, True, "/etc/kit/trust/ca.crt")
    assert (cluster["port"], cluster.get("http_port")) == (9440, 8443)
    assert found["BROKER_CONFIG"] == {"security.protocol": "SASL_SSL", "ssl.ca.location": "/etc/kit/trust/ca.crt"}
    assert (found["REDIS_DB"], found["REDIS_SSL"]) == (db, True)


def test_sentry_and_snuba_agree_on_retention(terraform: Terraform) -> None:
    found = values.parse(values.written(terraform, MODULE, given("seed", retention_days=14)))
    snuba = snuba_settings(found)
    assert found["sentry"]["cleanup"]["days"] == snuba["DEFAULT_RETENTION_DAYS"] == snuba["LOWER_RETENTION_DAYS"] == 14
    assert 14 in snuba["VALID_RETENTION_DAYS"]


# -- what is refused

REFUSED = [
    (("endpoints", "postgres", "host"), "https://postgres", "bare host names"),
    (("endpoints", "clickhouse", "host"), "clickhouse:8443", "bare host names"),
    (("endpoints", "kafka", "brokers"), ["kafka"], "host:port"),
    (("endpoints", "kafka", "brokers"), ["SASL_SSL://kafka:9091"], "host:port"),
    (("endpoints", "kafka", "brokers"), [], "at least one"),
    (("endpoints", "kafka", "brokers"), ["kafka:9091", "kafka:9091"], "twice"),
    (("endpoints", "kafka", "mechanism"), "PLAIN", "SCRAM-SHA-512"),
    (("endpoints", "redis", "port"), 70000, "65535"),
    (("endpoints", "clickhouse", "https_port"), 8123, "plaintext port"),
    (("endpoints", "clickhouse", "native_port"), 9000, "plaintext port"),
    (("endpoints", "clickhouse", "single_node"), False, "cluster_name"),
    (("endpoints", "s3", "endpoint"), "http://s3:9000", "https://"),
    (("endpoints", "s3", "endpoint"), "s3:9000", "https://"),
    (("endpoints", "s3", "nodestore", "bucket"), "files", "must not share a bucket"),
    (("endpoints", "s3", "filestore", "bucket"), "Files_", "bucket names"),
    (("endpoints", "s3", "region"), "", "must not be empty"),
    (("profile",), "newest", "Unknown profile; profiles/ has: current, seed"),
    (("profile",), "../seed", "Unknown profile"),
    (("size",), "medium", "errors-only or full"),
    (("url",), "sentry.example.org", "https://host"),
    (("url",), "https://sentry.example.org/", "without a path"),
    (("admin_email",), 'a"; rm', "e-mail address"),
    (("retention_days",), 0, "1 or more"),
    (("chart_version",), "26", "three numbers"),
    (("images",), {"sentry": {"repository": "a", "tag": "latest"}}, "moves"),
    (("trust",), "etc/kit", "absolute path"),
    (("nodestore_module",), "chart", "needs images.sentry"),
    (("nodestore_module",), "django", "kit or chart"),
    (("secrets",), {"kafka": "Kit Kafka"}, "names of Kubernetes Secrets"),
    (("mail",), {**MAIL, "tls": "none"}, "cross the network in clear"),
    (("mail",), {**MAIL, "tls": None, "host": "smtp://mail"}, "bare host name"),
    (("mail",), {**MAIL, "port": 0}, "65535"),
    (("mail",), {**MAIL, "from": "Sentry"}, "e-mail address"),
    (("mail",), {"host": "smtp.example.org"}, "from"),
]


@pytest.mark.parametrize(("place", "value", "said"), REFUSED, ids=[f"{'.'.join(place)}={value}" for place, value, _ in REFUSED])
def test_wrong_input_is_refused_in_words(terraform: Terraform, place: tuple[str, ...], value: Any, said: str) -> None:
    variables = deepcopy(given("current"))
    target: Any = variables
    for part in place[:-1]:
        target = target[part]
    target[place[-1]] = value
    with pytest.raises(ValuesRefused) as refused:
        values.parse(values.written(terraform, MODULE, variables))
    assert said in " ".join(f"{refused.value.why} {refused.value.detail}".split())
    assert refused.value.exit_code == 14


def test_a_missing_part_is_refused_by_name(terraform: Terraform) -> None:
    variables = deepcopy(given("current"))
    del variables["endpoints"]["s3"]["nodestore"]
    with pytest.raises(ValuesRefused) as refused:
        values.parse(values.written(terraform, MODULE, variables))
    assert "nodestore" in f"{refused.value.why} {refused.value.detail}"


# -- the module itself


def test_the_module_is_formatted_and_valid(terraform: Terraform, tmp_path: Path) -> None:
    # The program's own verdicts; `validate` wants an initialised copy, which a module without providers needs no network for.
    copy = tmp_path / "module"
    subprocess.run(["cp", "-r", str(MODULE), str(copy)], check=True)
    for words in (["fmt", "-check", "-diff"], ["init", "-input=false"], ["validate"]):
        ran = subprocess.run([str(terraform.program), f"-chdir={copy}", *words], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_profiles_have_the_same_shape() -> None:
    documents = {name: yaml.safe_load((MODULE / "profiles" / f"{name}.yaml").read_text()) for name in profiles.NAMES}
    # Only a line whose clients are too old for today's stores says so.
    shapes = {
        name: SimpleNamespace(keys={key for key in each if not key.startswith("maximum_")}, rules=set(each["rules"]))
        for name, each in documents.items()
    }
    assert shapes["seed"] == shapes["current"]


# -- availability


@pytest.mark.parametrize("name", profiles.NAMES)
def test_a_single_installation_says_nothing_of_numbers_and_an_available_one_says_them(terraform: Terraform, name: str) -> None:
    single = values.parse(values.written(terraform, MODULE, given(name, "full")))
    several = values.parse(values.written(terraform, MODULE, given(name, "full", availability="ha")))
    assert "replicas" not in single["relay"]
    assert "global" not in single
    assert (several["relay"]["replicas"], several["sentry"]["web"]["replicas"], several["snuba"]["api"]["replicas"]) == (3, 3, 2)
    assert several["symbolicator"]["api"]["replicas"] == 2
    assert {each["tolerationSeconds"] for each in several["global"]["tolerations"]} == {60}
    assert "autoscaling" not in several["sentry"]["web"], "there may be no metrics server"


def test_autoscalers_keep_the_numbers_as_their_least_and_relay_has_none(terraform: Terraform) -> None:
    scaled = values.parse(values.written(terraform, MODULE, given("current", "full", availability="ha", autoscaling="cpu")))
    assert scaled["sentry"]["web"]["autoscaling"] == {
        "enabled": True,
        "minReplicas": 3,
        "maxReplicas": 6,
        "targetCPUUtilizationPercentage": 70,
    }
    assert "autoscaling" not in scaled["relay"], "the chart makes it as a hook, which no release owns"
    single = values.parse(values.written(terraform, MODULE, given("current", "full", autoscaling="cpu")))
    assert "autoscaling" not in single["sentry"]["web"]


@pytest.mark.parametrize("wrong", [{"availability": "much"}, {"autoscaling": "lag"}])
def test_an_availability_that_there_is_not_is_refused(terraform: Terraform, wrong: dict[str, str]) -> None:
    with pytest.raises(ValuesRefused):
        values.written(terraform, MODULE, given("current", **wrong))
