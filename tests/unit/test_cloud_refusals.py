"""What the provider says when the cloud refuses, recognised and explained. The texts are the provider's own."""

from __future__ import annotations

import pytest

from kit.adapters.terraform.errors import StateLocked, TerraformFailed
from kit.errors import KitError
from kit.targets.cloud import refusals

SAID = [
    (
        "untrusted",
        'rpc error: code = Unavailable desc = connection error: desc = "transport: authentication handshake failed: tls: failed '
        'to verify certificate: x509: certificate signed by unknown authority"',
    ),
    ("value", "Invalid value for variable: domain is a full name in lower case with at least one dot"),
    ("together", "Resource precondition failed: Nodes in each zone: min (5) is at most initial (2), and that at most max (2)."),
    ("state-key", "No valid credential sources found. Please see the documentation"),
    ("state-key", "Unable to list objects in S3 bucket: api error InvalidAccessKeyId: The Access Key Id does not exist"),
    ("stale", "Saved plan is stale: The given plan file can no longer be applied because the state was changed"),
    ("not-locked", "Failed to unlock state: LocalState not locked"),
    ("unauthenticated", "rpc error: code = Unauthenticated desc = The token has expired 2026-11-23T10:00:00Z"),
    ("quota", "rpc error: code = ResourceExhausted desc = Quota limit mdb.clusters.count exceeded"),
    ("name-taken", "rpc error: code = AlreadyExists desc = Network with name sentry already exists"),
    ("name-taken", "BucketAlreadyExists: The requested bucket name is not available"),
    ("bucket-ours", "BucketAlreadyOwnedByYou: Your previous request to create the named bucket succeeded and you already own it"),
    (
        "bucket-ours",
        "error creating Storage S3 Bucket: error while requesting API to create bucket: rpc error: code = AlreadyExists desc = "
        "Bucket with name sentry-nodestore-0c1d2e3f already exists",
    ),
    ("forbidden", "rpc error: code = PermissionDenied desc = Permission denied to resource-manager.folder b1g"),
    ("not-empty", "error deleting Storage Bucket (x): BucketNotEmpty: The bucket you tried to delete is not empty"),
    ("unreachable", 'rpc error: code = Unavailable desc = dial tcp 127.0.0.1:1: connect: connection refused"'),
]


def failed(said: str, what: str = "terraform could not apply the plan: no (yandex_x.y)") -> TerraformFailed:
    return TerraformFailed(what=what, why=said, fix="mend it", detail=said)


@pytest.mark.parametrize(("name", "said"), SAID)
def test_a_known_refusal_has_its_cause_and_its_remedy(name: str, said: str) -> None:
    found = refusals.meaning(failed(said))
    assert found is not None
    assert found.name == name
    explained = refusals.explained(failed(said), "")
    assert explained.why.startswith(found.cause)
    assert said in explained.why
    assert explained.fix == found.fix


def test_every_known_refusal_is_tested() -> None:
    assert {entry.name for entry in refusals.known()} - {name for name, _ in SAID} == {"protected"}
    protected = refusals.meaning(failed("code = FailedPrecondition desc = cluster has deletion protection enabled"))
    assert protected is not None
    assert "deletion_protection: false" in protected.fix


def test_what_nobody_met_before_is_told_as_it_is() -> None:
    error = failed("something new")
    assert refusals.explained(error, "") is error
    assert refusals.of_stopped_apply(error).why == "something new"


def test_a_lock_is_broken_by_a_command_of_kit() -> None:
    locked = StateLocked(what="locked", why="by another", fix="terraform force-unlock L", detail="", lock="L")
    assert "kit cloud unlock L" in refusals.explained(locked, "").fix
    assert "kit cloud unlock L --cloud --rehearse" in refusals.explained(locked, " --rehearse").fix


def test_a_long_first_line_is_cut_and_nothing_is_lost() -> None:
    told = refusals.of_stopped_apply(failed("why", what="x" * 400))
    assert len(told.what) == refusals.LENGTH
    assert isinstance(told, KitError)
    assert told.detail == "why"
