"""A changed Secret replaces the pods that read it, and no others."""

from __future__ import annotations

from typing import Any

from kit.sentry import objects
from kit.sentry.chart.revisions import MARK, marked


def workload(kind: str = "Deployment", **pod: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"name": "web"},
        "spec": {"template": {"metadata": {"annotations": {"a": "b"}}, "spec": pod}},
    }


def reading(name: str, key: str = "password") -> dict[str, Any]:
    env = [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}]
    return workload(containers=[{"name": "web", "env": env}])


def mark(document: dict[str, Any], **data: str) -> str | None:
    applied = [objects.secret("kit", name, {"password": text}) for name, text in data.items()]
    applied.append(objects.config_map("kit", "code", {"a.py": data.get("code", "")}))
    (found,) = marked([document], applied)
    annotations = found["spec"]["template"]["metadata"]["annotations"]
    assert annotations["a"] == "b"
    return annotations.get(MARK)  # type: ignore[no-any-return]


def test_the_mark_follows_what_is_read_and_nothing_else() -> None:
    one = mark(reading("mail"), mail="one", other="x")
    assert one is not None
    assert mark(reading("mail"), mail="one", other="y") == one
    assert mark(reading("mail"), mail="two", other="x") != one
    assert "one" not in one


def test_every_way_to_name_an_object_counts() -> None:
    ways = (
        {"containers": [{"envFrom": [{"secretRef": {"name": "mail"}}]}]},
        {"initContainers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "mail", "key": "password"}}}]}]},
        {"volumes": [{"name": "v", "secret": {"secretName": "mail"}}]},
        {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "mail"}}]}}]},
        {"volumes": [{"name": "v", "secret": {"secretName": "mail"}}, {"name": "c", "configMap": {"name": "code"}}]},
    )
    for pod in ways:
        assert mark(workload(**pod), mail="one") != mark(workload(**pod), mail="two"), pod
    code = {"volumes": [{"name": "c", "configMap": {"name": "code"}}]}
    assert mark(workload(**code), code="1") != mark(workload(**code), code="2")


def test_what_reads_nothing_of_kits_stays_as_it_is() -> None:
    document = reading("elsewhere")
    assert marked([document], [objects.secret("kit", "mail", {"password": "one"})]) == (document,)


def test_jobs_and_what_has_no_pods_stay_as_they_are() -> None:
    pod = {"volumes": [{"name": "v", "secret": {"secretName": "mail"}}]}
    given = (workload("Job", **pod), {"kind": "Service", "metadata": {"name": "web"}, "spec": {}})
    assert marked(given, [objects.secret("kit", "mail", {"password": "one"})]) == given


def test_the_given_objects_are_not_changed() -> None:
    document = reading("mail")
    marked([document], [objects.secret("kit", "mail", {"password": "one"})])
    assert document == reading("mail")
