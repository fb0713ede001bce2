"""Mail and values of one's own on a running stack: a mail server in its cluster, and an alert that arrives there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.helm import Helm
from kit.pki import authority, folder
from kit.sentry.objects import NAMESPACE, RELEASE
from kit.targets.local.target import LocalTarget
from tests.support import smtp_server
from tests.support.program import Program, Ran
from tests.support.reach import local_target

HOST, PLACE, PORT = "smtp.mail", "mail", 2587
USER, PASSWORD, SENDER = "sentry", "hunter2-of-the-mail-server", "sentry@example.org"
MAIL = f"mail: {{host: {HOST}, port: {PORT}, user: {USER}, from: {SENDER}}}\n"
VALUES = "sentry:\n  values:\n    lite: {web: {threads: 3}}\n"
ALERT_S = 120.0
SEND = """
import sentry_sdk, sys
sentry_sdk.init(ca_certs=sys.argv[1])
sentry_sdk.capture_exception(RuntimeError(sys.argv[2]))
sentry_sdk.flush()
"""


@pytest.fixture(scope="module")
def local(whole: Program) -> LocalTarget:
    return local_target(whole)


@pytest.fixture(scope="module")
def server(whole: Program, local: LocalTarget) -> Iterator[None]:
    """A mail server of the stack's own authority, in a namespace of its own."""
    now = datetime.now(UTC)
    known = folder.load_authority(local.workspace.certs, now)
    assert known is not None
    leaf = authority.issue(known, HOST, [HOST], now)
    chain = leaf.certificate_pem() + known.intermediate.certificate_pem()
    settings = {"host": "0.0.0.0", "port": PORT, "user": USER, "password": PASSWORD, "sender": SENDER}
    settings |= {"certificate": "/run/mail/tls.crt", "key": "/run/mail/tls.key"}
    data = {"tls.crt": chain.decode(), "tls.key": leaf.key_pem().decode(), "server.py": Path(smtp_server.__file__).read_text()}
    container = {
        "name": "smtp",
        "image": local.supply.image("probe").reference,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/bin/python3", "-u", "/run/mail/server.py", json.dumps(settings)],
        "volumeMounts": [{"name": "files", "mountPath": "/run/mail", "readOnly": True}],
    }
    pod = {"containers": [container], "volumes": [{"name": "files", "secret": {"secretName": "smtp"}}]}
    place = {"namespace": PLACE, "name": "smtp", "labels": {"app": "smtp"}}
    local.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}})
    local.kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": place, "stringData": data})
    local.kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": place, "spec": pod})
    service = {"selector": {"app": "smtp"}, "ports": [{"port": PORT}]}
    local.kube.apply({"apiVersion": "v1", "kind": "Service", "metadata": place, "spec": service})
    yield
    described(whole, "")
    whole.must("up", "--local")
    for kind in ("Pod", "Service", "Secret"):
        local.kube.delete(kind, "smtp", PLACE)


def described(kit: Program, text: str) -> None:
    (kit.home / "kit.yaml").write_text(text)


def taken(local: LocalTarget) -> list[dict[str, Any]]:
    lines = local.kube.logs("smtp", PLACE, "smtp", 1000).splitlines()
    return [found for line in lines if line.startswith("{") and "text" in (found := json.loads(line))]


def test_mail_is_not_begun_without_its_password(whole: Program, server: None) -> None:
    described(whole, MAIL)
    for words in (("--plan",), ()):
        ran = whole("up", "--local", *words)
        assert (ran.exit_code, ran.stdout) == (17, ""), ran.stderr
        assert "KIT-MAIL-PASSWORD" in ran.stderr


def test_a_wrong_password_is_found_before_helm_runs(whole: Program, server: None, local: LocalTarget) -> None:
    described(whole, MAIL)
    before = helm(local).release(RELEASE, NAMESPACE)
    ran = replace(whole, env={"KIT_MAIL_PASSWORD": "another-password"})("up", "--local")
    said = " ".join(ran.stderr.split())
    assert ran.exit_code == 54, ran.stderr
    assert "the mail server does not accept the login (mail)" in said
    assert "535 " in said
    assert "another-password" not in ran.stdout + ran.stderr
    assert helm(local).release(RELEASE, NAMESPACE) == before


@pytest.fixture(scope="module")
def compared(whole: Program, server: None) -> Ran:
    """Mail and values are up, by one run; `kit values diff` before it."""
    described(whole, MAIL + VALUES)
    set_it = {"args": whole.argv("secrets", "set", "mail"), "env": whole.environment(), "cwd": whole.home}
    subprocess.run(**set_it, input=PASSWORD, text=True, check=True)
    diff = whole("values", "diff")
    whole.must("up", "--local")
    assert whole.must("up", "--local", "--plan").stdout == "nothing to do\n"
    return diff


@pytest.mark.usefixtures("compared")
def test_an_alert_arrives_over_verified_tls_with_the_login(whole: Program, local: LocalTarget) -> None:
    preflight = whole.must("preflight", "-o", "json").json
    (probe,) = [each for each in preflight["probes"] if each["store"] == "mail"]
    assert (probe["component"], probe["cause"], probe["tls"]) == ("sentry-web", "", "TLSv1.3")
    assert probe["foreign"].startswith("refused")
    assert taken(local) == [], "what was tried sent nothing"

    words = f"a mistake of {time.time():.0f}"
    env = {**whole.environment(), **whole.variables()}
    subprocess.run([sys.executable, "-c", SEND, str(local.workspace.ca_file), words], env=env, check=True)
    end = time.monotonic() + ALERT_S
    while not (mails := taken(local)) and time.monotonic() < end:
        time.sleep(0.5)
    assert [(mail["from"], mail["to"], mail["secure"], mail["login"]) for mail in mails] == [
        (SENDER, ["admin@sentry.local"], True, USER)
    ]
    assert words in mails[0]["text"]


@pytest.mark.usefixtures("compared")
def test_the_password_is_in_its_secret_and_nowhere_else(whole: Program, local: LocalTarget) -> None:
    text = helm(local).manifest(RELEASE, NAMESPACE) + json.dumps(helm(local).values(RELEASE, NAMESPACE))
    text += "".join(whole.must(*words).stdout for words in (("values", "show"), ("chart", "render"), ("secrets", "list")))
    assert PASSWORD not in text
    assert "kit-mail" in text


def test_values_of_ones_own_are_compared_applied_and_taken_back(whole: Program, compared: Ran, local: LocalTarget) -> None:
    assert compared.exit_code == 3
    assert "+    threads: 3" in compared.stdout
    assert "threads: 3  # kit.yaml:4" in whole.must("values", "show").stdout
    assert whole.must("values", "diff").stdout == ""
    assert threads(local) == "3"
    described(whole, "")
    whole.must("up", "--local")
    assert threads(local) == "4"


def threads(local: LocalTarget) -> str:
    deployment = local.kube.get("Deployment", "sentry", NAMESPACE)
    assert deployment is not None
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    return next(entry["value"] for entry in env if entry["name"] == "KIT_THREADS")


def helm(local: LocalTarget) -> Helm:
    return Helm(local.supply.tool("helm"), local.workspace.kubeconfig)
