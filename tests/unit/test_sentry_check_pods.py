"""What a container would find when it starts: variables as Kubernetes resolves them, files as they are mounted."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from kit.sentry.chart.families import family_of, program, repository, tag, version
from kit.sentry.chart.manifests import Container
from kit.sentry.check.keys import known_keys
from kit.sentry.check.pods import Files, environment, file_at
from kit.sentry.check.rules_profile import quantity
from kit.sentry.check.rules_release import suggestion, unknown
from kit.sentry.check.templates import named_keys


def container(
    spec: dict[str, Any], volumes: list[dict[str, Any]] | None = None, inits: list[dict[str, Any]] | None = None
) -> Container:
    pod = {"volumes": volumes or [], "initContainers": inits or [], "containers": [spec]}
    return Container("Deployment", "web", "main", {"name": "web", "image": "getsentry/sentry:1", **spec}, pod, {})


def objects(kind: str, name: str, **data: str) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}, ("stringData" if kind == "Secret" else "data"): data}


FILES = Files.of(
    [objects("ConfigMap", "config", **{"a.py": "A", "b.py": "B"}), objects("Secret", "rendered", PORT="9440")],
    [objects("Secret", "kit-kafka", password="real", username="sentry", mechanism="SCRAM-SHA-512")],
)


def test_a_variable_is_taken_from_above_and_a_later_one_of_the_name_wins() -> None:
    env = [
        {"name": "LATE", "value": "$(UNKNOWN) $(PW)"},
        {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "kit-kafka", "key": "password"}}},
        {"name": "URL", "value": "rediss://:$(PW)@redis"},
        {"name": "ESCAPED", "value": "$$(PW)"},
        {"name": "TWICE", "value": "1"},
        {"name": "TWICE", "value": "2"},
    ]
    found = environment(container({"env": env}), FILES)
    assert found["LATE"] == "$(UNKNOWN) $(PW)"
    assert found["URL"] == "rediss://:SECRET.kit-kafka.password@redis"
    assert found["ESCAPED"] == "$(PW)"
    assert found["TWICE"] == "2"


def test_a_secret_of_kits_is_never_read_and_what_is_no_secret_is() -> None:
    refs = {key: {"secretKeyRef": {"name": "kit-kafka", "key": key}} for key in ("password", "username", "mechanism")}
    found = environment(container({"env": [{"name": key, "valueFrom": ref} for key, ref in refs.items()]}), FILES)
    assert found == {"password": "SECRET.kit-kafka.password", "username": "sentry", "mechanism": "SCRAM-SHA-512"}


def test_whole_secrets_and_config_maps_come_first() -> None:
    spec = {
        "envFrom": [
            {"secretRef": {"name": "rendered"}},
            {"prefix": "C_", "configMapRef": {"name": "config"}},
            {"secretRef": {"name": "kit-kafka"}},
        ],
        "env": [{"name": "PORT", "value": "1"}],
    }
    found = environment(container(spec), FILES)
    assert found["PORT"] == "1"
    assert found["C_a.py"] == "A"
    assert found["password"] == "SECRET.kit-kafka.password"


VOLUMES = [
    {"name": "config", "configMap": {"name": "config"}},
    {"name": "renamed", "configMap": {"name": "config", "items": [{"key": "a.py", "path": "settings.py"}]}},
    {"name": "both", "projected": {"sources": [{"configMap": {"name": "config"}}]}},
    {"name": "empty", "emptyDir": {}},
]


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ([{"name": "config", "mountPath": "/etc/sentry"}], "A"),
        ([{"name": "config", "mountPath": "/etc/sentry/a.py", "subPath": "b.py"}], "B"),
        ([{"name": "empty", "mountPath": "/etc"}, {"name": "both", "mountPath": "/etc/sentry/"}], "A"),
        ([{"name": "config", "mountPath": "/etc"}], None),
        ([{"name": "renamed", "mountPath": "/etc/sentry"}], None),
        ([{"name": "empty", "mountPath": "/etc/sentry"}], None),
        ([{"name": "config", "mountPath": "/etc/sentry-other"}], None),
        ([], None),
    ],
)
def test_a_file_is_found_where_the_deepest_mount_puts_it(mounts: list[dict[str, Any]], expected: str | None) -> None:
    assert file_at(container({"volumeMounts": mounts}, VOLUMES), "/etc/sentry/a.py", FILES) == expected


def test_items_give_files_other_names() -> None:
    mounted = container({"volumeMounts": [{"name": "renamed", "mountPath": "/etc/sentry"}]}, VOLUMES)
    assert file_at(mounted, "/etc/sentry/settings.py", FILES) == "A"


@pytest.mark.parametrize(
    ("image", "name", "version", "family"),
    [
        ("getsentry/sentry:25.2.0", "getsentry/sentry", "25.2.0", "sentry"),
        ("ghcr.io/getsentry/snuba:26.9.0", "ghcr.io/getsentry/snuba", "26.9.0", "snuba"),
        ("registry.test:5000/mirror/relay", "registry.test:5000/mirror/relay", "", "relay"),
        ("registry.test:5000/own/sentry-with-ca:25.2.0@sha256:0", "registry.test:5000/own/sentry-with-ca", "25.2.0", "sentry"),
        ("getsentry/uptime-checker:1", "getsentry/uptime-checker", "1", "uptime-checker"),
        ("getsentry/taskbroker:1", "getsentry/taskbroker", "1", "taskbroker"),
        ("busybox:1.38.0", "busybox", "1.38.0", None),
    ],
)
def test_an_image_is_of_its_family_wherever_it_comes_from(image: str, name: str, version: str, family: str | None) -> None:
    found = family_of(container({"image": image}))
    assert (repository(image), tag(image), found.name if found else None) == (name, version, family)


def test_a_program_is_known_by_the_last_word_of_its_image() -> None:
    images = ("getsentry/relay", "registry.test:5000/a/b/relay:26.8.0@sha256:0", "own/sentry-with-ca", "redis:7", "x/memcached")
    assert [program(image) for image in images] == ["relay", "relay", "sentry", "redis", "memcached"]


def test_a_version_is_year_and_month_or_not_known() -> None:
    tags = ("26.9.0", "v25.4.1-alpine", "nightly", "26", "sha-1234.5")
    assert [version(f"registry.test:5000/getsentry/snuba:{tag}") for tag in tags] == [(26, 9), (25, 4), (), (), ()]
    assert version("registry.test:5000/snuba@sha256:12.34") == ()


@pytest.mark.parametrize(("given", "amount"), [("500m", 0.5), ("2", 2), (1, 1), ("1Gi", 2**30), ("700Mi", 700 * 2**20), ("", 0)])
def test_a_quantity_is_read_as_kubernetes_reads_it(given: Any, amount: float) -> None:
    assert quantity(given) == amount


# ── which keys a chart reads

CHART = {
    "Chart.yaml": "{name: sentry, version: 1.0.0, dependencies: [{name: redis}, {name: kafka, alias: queue}]}",
    "values.yaml": "{nodestore: {s3: null}, "
    "web: {replicas: 1, env: [], nodeSelector: {}, resources: {limits: {cpu: 1}}}, redis: {enabled: true}}",
    "templates/web.yaml": "{{ .Values.externalRedis.existingSecretKey }}{{ toYaml .Values.web.resources | indent 2 }}\n"
    "{{ .Values.web.sidecars | toYaml }}",
    "templates/hooks/init.yaml": "{{ default 1 $root.Values.hooks.dbInit.enabled }}",
    "templates/_nodestore.tpl": "{{- $s3 := .Values.nodestore.s3 | default dict }}{{ $s3.bucketName }}",
}


@pytest.fixture(params=["folder", "archive"])
def chart(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "sentry"
    for name, text in CHART.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    if request.param == "folder":
        return folder
    with tarfile.open(tmp_path / "sentry.tgz", "w:gz") as archive:
        archive.add(folder, "sentry")
    return tmp_path / "sentry.tgz"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"web": {"replicas": 2, "env": [{"name": "A"}]}}, []),
        ({"web": {"nodeSelector": {"any": "thing"}}}, []),
        ({"web": {"resources": {"requests": {"cpu": "1m"}}}}, []),  # printed whole, so anything may stand in it
        ({"web": {"sidecars": [{"name": "s"}]}}, []),
        ({"externalRedis": {"existingSecretKey": "k"}, "hooks": {"dbInit": {"enabled": False}}}, []),  # in templates alone
        ({"redis": {"auth": {"enabled": False}}, "queue": {"x": 1}}, []),  # a sub-chart's keys are its own
        ({"global": {"anything": 1}}, []),
        ({"web": {"replica": 2}}, [("web", "replica")]),
        ({"externalRedis": {"existingsecretkey": "k"}}, [("externalRedis", "existingsecretkey")]),
        ({"wbe": {"replicas": 2}}, [("wbe",)]),
        ({"nodestore": {"s3": {"bucketName": "b"}}}, []),  # by a variable, and values.yaml has nothing there
        ({"nodestore": {"s3": {"bucketname": "b"}}}, [("nodestore", "s3", "bucketname")]),
    ],
)
def test_a_key_is_known_when_the_chart_lists_it_or_a_template_reads_it(
    chart: Path, values: dict[str, Any], expected: list[tuple[str, ...]]
) -> None:
    assert [path for path, _ in unknown(values, known_keys(chart))] == expected


@pytest.mark.parametrize(
    ("template", "read", "opened"),
    [
        ("{{ .Values.a.b }}{{ $root.Values.c }}", "a.b c", ""),
        ('{{- $a := .Values.a }}{{ $b := default dict $a.b }}{{ if hasKey $b "c" }}{{ $b.d }}{{ end }}', "a a.b a.b.c a.b.d", ""),
        (
            "{{ $p := default dict ((default dict $root.Values.a.store).pg) }}{{ $p.host }}",
            "a.store a.store.pg a.store.pg.host",
            "",
        ),
        ("{{ with .Values.a }}{{ .b }}{{ $.Values.c }}{{ else }}{{ .Values.d }}{{ end }}{{ .Values.e }}", "a a.b c d e", ""),
        ("{{ with $a := .Values.a }}{{ $a.b }}{{ end }}{{ $a.c }}", "a a.b", ""),
        ("{{ $v := 1 }}{{ if .Values.a }}{{ $v = .Values.b }}{{ end }}{{ $v.c }}", "a b b.c", ""),
        ('{{ index .Values "a" "b" }}{{ (index .Values.c "d").e }}{{ index .Values.f $name }}', "a.b c c.d c.d.e f", "f"),
        ('{{ dig "b" "c" "none" .Values.a }}{{ get .Values.d "e" }}', "a a.b.c d d.e", ""),
        ('{{ $d := dict "a" .Values.a "root" . }}{{ $d.a.b }}{{ $d.root.Values.c }}', "a a.b c", ""),
        ("{{ range $k, $v := .Values.a }}{{ $v.b }}{{ .c }}{{ end }}{{ .Values.d }}", "a d", "a"),
        ('{{ include "x" (dict "part" .Values.a "root" $) }}{{ toYaml .Values.b | indent 2 }}', "a b", "a b"),
        ("{{ .Values.a | toYaml }}{{ tpl .Values.b . }}", "a b", "a b"),
        ('{{/* {{ .Values.no }} "quoted */}}{{ "}} .Values.no" }}{{ .Values.a }}', "a", ""),
        ('{{ define "x" }}{{ $o := .ctx }}{{ $o.Values.a }}{{ end }}{{ .Values.b }}', "a b", ""),
    ],
)
def test_a_template_names_keys_by_whatever_leads_to_them(template: str, read: str, opened: str) -> None:
    named = named_keys(template)
    assert {".".join(path) for path in named.read} == set(read.split())
    assert {".".join(path) for path in named.open} == set(opened.split())


def test_a_template_that_is_none_is_read_to_its_end() -> None:
    assert named_keys("{{ end }}{{ .Values.a }}{{ (((( }}{{ $x := }}{{ .Values.b ").read == {("a",)}


def test_a_misspelt_key_gets_a_suggestion() -> None:
    assert suggestion("sslmode", ["sslMode", "host", "port"]) == "sslMode"
    assert suggestion("replica", ["replicas", "env"]) == "replicas"
    assert suggestion("zzz", ["replicas", "env"]) is None
