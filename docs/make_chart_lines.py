"""Writes docs/chart-lines.md from real charts: KIT_CHART_DIR=sentry-26.14.1:sentry-26.18.0.tgz python docs/make_chart_lines.py"""

# ruff: noqa: E501  a row of a Markdown table cannot be broken

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from kit.sentry.check.check import RULES
from kit.sentry.lines import profiles
from tests.support import chart_lines
from tests.support.chart_lines import Measured

DOCUMENT = Path(__file__).with_name("chart-lines.md")

INTRODUCTION = """\
# Chart lines

What was rendered and checked: each chart, and kit's own stand-in sentry-lite, with the values of
[sentry-values](../terraform/modules/sentry-values), all stores outside, wired by kit's transformer, held against every rule of
`kit values check`, its settings executed. Written by `docs/make_chart_lines.py` from the trees in `KIT_CHART_DIR`; nothing of a real chart is
in this repository.
"""

UNSEEN = """\
Chart 33 (profile `current`) could not be fetched where this page was written. What stands for it:

- `line-33` is [tests/charts/line-33](../tests/charts/line-33/README.md), its shape, written by hand from its public files and held against
  every rule in every run of the tests.
- `33.8.0-reassembled` was put together again outside this repository, file by file: of 136 files 44 stand in upstream's public history as they are
  here, with the whole `values.yaml` among them; 59 are the nearest such file, brought to what 33 does; 33 are written in the form of their likes.
  Uncertain in it: the exact text of Relay, vroom, Snuba's API and Snuba's hooks, and whether eap-items belongs to errors-only.

On a connected machine the real one is rendered by

```
helm pull sentry --version 33.8.0 --repo https://sentry-kubernetes.github.io/charts
KIT_CHART_DIR=$PWD/sentry-33.8.0.tgz python -m pytest tests/terraform/test_chart_lines.py
```
"""

RULES_SAY = """\
Each has at least one test in which it catches a mistake made on purpose (tests/manifests/mistakes.yaml). The columns count findings *without*
the transformer, blank for none; with it there are none.
"""

CLIENTS = """\
## Who reads which variable

What the executed rules take for granted, per client. Measured with a throw-away authority and a server whose certificate names `localhost`;
Relay, taskbroker, Snuba and vroom by running them on this stack's stores, 2026-11-28; or read in the source (s). "verifies" is what a client does that has been told the authority.

| client | of | authority from | verifies | trap |
|---|---|---|---|---|
| libpq (psycopg2) | Sentry | `sslrootcert`, `PGSSLROOTCERT` (s) | chain and name with `verify-full` only | `require` verifies nothing; `prefer` gives in |
| redis-py 3.4–4.5 | Sentry, Snuba | `ssl_ca_certs`, `SSL_CERT_FILE` | the chain; the name from 6.0 on | accepts a wrong name |
| kombu 5.3 | Celery | `ssl_ca_certs` in the URL, `SSL_CERT_FILE` | nothing without `ssl_cert_reqs=required` in the URL | `rediss://` alone accepts anyone |
| librdkafka of Python's wheels and of Relay | Sentry, Snuba, Relay | `ssl.ca.location` only | chain and name | reads no `SSL_CERT_FILE`, its OpenSSL is built in; `""` counts as unset |
| librdkafka on the system's OpenSSL | taskbroker, Snuba's Rust consumers | `ssl.ca.location`, without it `SSL_CERT_FILE` | chain and name | one sentence for a foreign authority, a wrong name and an expired certificate, as above |
| clickhouse-driver, urllib3 | Snuba | `ca_certs`, `SSL_CERT_FILE` | chain and name if `verify` is true | raw values: `"False"` is true, `""` is not |
| boto3 | Sentry | `AWS_CA_BUNDLE`, `REQUESTS_CA_BUNDLE` | chain and name | ignores `SSL_CERT_FILE`; the filestore's ACL is public-read by default; checksums that other stores refuse, from 1.36 on |
| redis-rs, native-tls | Relay | `SSL_CERT_FILE` | chain and name | `#insecure` in the URL; ready without Kafka unless `kafka_validate_topics` |
| reqwest, native-tls | Snuba's Rust writer | `SSL_CERT_FILE` only | chain and name | ignores `ca_certs` and `verify` |
| redis-rs, webpki | uptime-checker | none | public roots only; no TLS before 26.8 (s) | left out |
| Go | vroom | `SENTRY_KAFKA_SSL_CA_PATH`, `SSL_CERT_FILE` | chain and name | no TLS without a client certificate |
"""


def page(measured: list[Measured]) -> str:
    return "\n".join([INTRODUCTION, "## Counts\n", counts(measured), UNSEEN, rules(measured), CLIENTS])


def counts(measured: list[Measured]) -> str:
    names = [
        "chart", "app", "profile", "size", "objects", "Deployments", "Jobs", "CronJobs", "containers", "of them init", "hooks",
        "configurations", "connections", "findings unwired", "**findings**", "warnings", "check",
    ]  # fmt: skip
    lines = [_row(names), _row(["---"] * len(names))]
    for each in measured:
        looked = each.looked
        cells = [name(each), each.chart.app_version, each.profile.name, each.size, looked.objects]
        cells += [looked.kinds.get(kind, 0) for kind in ("Deployment", "Job", "CronJob")]
        cells += [looked.containers, looked.init_containers, looked.hooks, looked.configurations, looked.connections]
        stopping = len(looked.stopping)
        cells += [len(each.unwired.stopping), f"**{stopping}**", len(looked.findings) - stopping, f"{each.seconds:.1f} s"]
        lines.append(_row(cells))
    said = (
        "`hooks` are objects that Helm makes as hooks. `configurations` are distinct settings with distinct variables, each executed once; "
        "`connections` are what\ntheir clients would make. `findings unwired` are those of the same manifests without the transformer. For a\nwarning nothing is stopped.\n"
    )
    return "\n".join([*lines, "", said])


def name(measured: Measured) -> str:
    """Our own charts by their names, the real ones by their version and what else the folder's name says."""
    chart = measured.chart
    if chart.name != measured.profile.chart_name or chart.path == chart_lines.LINE_33:
        return chart.path.name
    said = chart.path.name.removesuffix(".tgz").removeprefix(f"{chart.name}-")
    return said if said.startswith(chart.version) else chart.version


def rules(measured: list[Measured]) -> str:
    """Every rule, and what each line lacks without the transformer."""
    columns = [f"{name(each)} {each.profile.name} {each.size}" for each in measured]
    lines = [f"## The {len(RULES)} rules\n", RULES_SAY]
    lines += [_row(["rule", "what holds", *columns]), _row(["---"] * (len(columns) + 2))]
    found = [Counter(finding.rule for finding in each.unwired.findings) for each in measured]
    for rule in RULES:
        says = f"{rule.sentence} *Warns only.*" if rule.warns else rule.sentence
        lines.append(_row([f"`{rule.id}`", says, *(each[rule.id] or "" for each in found)]))
    return "\n".join([*lines, ""])


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


if __name__ == "__main__":
    trees = chart_lines.given()
    if not trees:
        sys.exit(chart_lines.HOW_TO_GET_ONE)
    charts = [chart_lines.measured(path, size) for path in (*trees, chart_lines.LINE_33) for size in chart_lines.SIZES]
    DOCUMENT.write_text(page([*charts, *(chart_lines.measured_lite(name) for name in profiles.NAMES)]))
    print(DOCUMENT)
