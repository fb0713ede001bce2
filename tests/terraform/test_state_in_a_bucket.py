"""`kit cloud init-state`: the real terraform moves the state of a stack into a real bucket, and loses none on the way."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.adapters.terraform.errors import TerraformFailed
from kit.blueprint.stack import Stack
from kit.state import markers
from kit.targets.cloud import apply as applying
from kit.targets.cloud import state
from kit.targets.cloud.errors import StateLost, StateTaken
from kit.targets.cloud.place import BACKEND, backend
from kit.targets.cloud.target import CloudTarget
from kit.workspace import Workspace
from tests.support.holding import holding
from tests.support.minio import MinIO, minio
from tests.support.program import Program
from tests.support.terraform import opentofu, program

BUCKET, OTHER, REGION = "states", "others", "ru-central1"
# As much of the shipped configuration as is looked at here, without a provider.
CONFIGURATION = """
variable "words" {
  type = list(string)
}

resource "terraform_data" "word" {
  for_each = toset(var.words)
  input    = each.key
}

output "kubernetes" {
  value = { endpoint = join(" ", [for word in terraform_data.word : word.output]) }
}
"""


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinIO]:
    with minio(tmp_path_factory.mktemp("minio"), BUCKET, OTHER) as running:
        yield running


@pytest.fixture
def tool(request: pytest.FixtureRequest) -> Path:
    """Terraform or OpenTofu, as this computer has it; or as a test wants it."""
    made: Path = getattr(request, "param", program)()
    return made


Opened = Callable[..., Any]


@pytest.fixture
def opened(tool: Path, s3: MinIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """A stack as one command has it: each call is a new one, which knows what lies on the disk and nothing else."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")  # as `kit env` exports it for another store
    shipped = tmp_path / "assets" / "terraform"
    shipped.mkdir(parents=True)
    (shipped / "main.tf").write_text(CONFIGURATION)
    supply = SimpleNamespace(ensure=lambda names, progress=None: None, tool=lambda name: tool)

    @contextmanager
    def opening(stack: str = "one") -> Iterator[CloudTarget]:
        space = Workspace(stack, tmp_path / "assets", tmp_path / "home", tmp_path / "cache")
        target = CloudTarget(Stack(name=stack), space, rehearses=False)
        target.clients.machine.supply = supply  # type: ignore[assignment, misc]
        monkeypatch.setattr("kit.targets.cloud.clients.initialised", initialised)
        with holding(space), target.opened():
            yield target

    return opening


def initialised(configuration: Any, supply: Any, mirror: Path, progress: Any) -> Any:
    """Without a provider there is none to fetch."""
    configuration.init()
    return configuration


def bring_up(target: CloudTarget, *words: str) -> None:
    if target.clients.configuration.plan(target.place.plan, {"words": list(words)}):
        applying.apply(target, (), lambda event: None)
    markers.record(target.place.markers, state.MARK, state.SETTLED)


def move(target: CloudTarget, s3: MinIO, bucket: str = BUCKET, key: str | None = None) -> str:
    return state.move(target.clients, bucket, key, s3.endpoint, REGION)


def stored(s3: MinIO, key: str) -> bool:
    return (s3.data / BUCKET / key).exists()


def name_of(tool: Path, what: str) -> str:
    """A stack of its own for each test and each tool: they share the bucket."""
    return f"{what}-{tool.parent.name[:6]}".lower().replace("_", "-")


@pytest.mark.parametrize("tool", [program, opentofu], indirect=True, ids=["found", "opentofu"])
def test_a_state_with_something_in_it_goes_along(opened: Opened, s3: MinIO, tool: Path) -> None:
    name = name_of(tool, "along")
    with opened(name) as first:
        bring_up(first, "a", "b")
        said = move(first, s3)
        assert said == f"{s3.endpoint}/{BUCKET}/kit/{name}/terraform.tfstate"
        files = list(first.place.configuration.glob("*.tfstate*"))
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * len(files)
    assert stored(s3, f"kit/{name}/terraform.tfstate")
    with opened(name) as later:
        assert later.outputs.document["kubernetes"] == {"endpoint": "a b"}
        assert not later.clients.configuration.plan(later.place.plan, {"words": ["a", "b"]}), "nothing is made a second time"
        bring_up(later, "a", "b", "c")
    with opened(name) as last:
        assert last.outputs.document["kubernetes"] == {"endpoint": "a b c"}
        assert move(last, s3) == said, "the same place again is no other one"
        assert move(last, s3, OTHER).startswith(f"{s3.endpoint}/{OTHER}/")
    with opened(name) as moved_again:
        assert moved_again.outputs.document["kubernetes"] == {"endpoint": "a b c"}


def test_each_stack_has_a_place_of_its_own(opened: Opened, s3: MinIO, tool: Path) -> None:
    one, two = name_of(tool, "mine"), name_of(tool, "yours")
    for name in (one, two):
        with opened(name) as target:
            bring_up(target, name)
            move(target, s3)
    for name in (one, two):
        with opened(name) as target:
            assert target.outputs.document["kubernetes"] == {"endpoint": name}


def test_a_place_that_another_stack_has_is_refused_and_nothing_is_lost(opened: Opened, s3: MinIO, tool: Path) -> None:
    one, two = name_of(tool, "first"), name_of(tool, "second")
    key = f"kit/{one}/terraform.tfstate"
    with opened(one) as target:
        bring_up(target, "theirs")
        move(target, s3)
    with opened(two) as target:
        bring_up(target, "mine")
        with pytest.raises(StateTaken) as refused:
            move(target, s3, key=key)
        assert key in refused.value.what
        assert "--key" in refused.value.fix
    with opened(two) as target:
        assert target.outputs.document["kubernetes"] == {"endpoint": "mine"}
        assert not target.place.has_backend
    with opened(name_of(tool, "empty")) as target, pytest.raises(StateTaken):
        move(target, s3, key=key)
    with opened(one) as target:
        assert target.outputs.document["kubernetes"] == {"endpoint": "theirs"}


def test_what_is_newer_is_not_replaced_by_a_backup(opened: Opened, s3: MinIO, tool: Path) -> None:
    name = name_of(tool, "newer")
    with opened(name) as target:
        bring_up(target, "a")
        older = target.place.state.read_bytes()
        move(target, s3)
    with opened(name) as target:
        bring_up(target, "a", "b")
        (target.place.configuration / BACKEND).unlink()
        target.place.state.write_bytes(older)  # a backup, put back
    with opened(name) as target, pytest.raises(StateTaken, match="holds a state already"):
        move(target, s3)


def test_a_move_that_was_killed_after_the_copy_is_done_again(opened: Opened, s3: MinIO, tool: Path) -> None:
    name = name_of(tool, "copied")
    with opened(name) as target:
        bring_up(target, "a")
        before = target.place.state.read_bytes()
        move(target, s3)
        target.place.state.write_bytes(before)  # it was not emptied yet
    with opened(name) as target:
        assert not target.place.has_backend
        move(target, s3)
    with opened(name) as target:
        assert target.place.has_backend
        assert target.outputs.document["kubernetes"] == {"endpoint": "a"}


def test_a_bucket_that_cannot_be_opened_changes_nothing(
    opened: Opened, s3: MinIO, tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = name_of(tool, "shut")
    with opened(name) as target:
        bring_up(target, "a")
        with pytest.raises(TerraformFailed):
            move(target, s3, "no-such-bucket")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-one")
        with pytest.raises(TerraformFailed) as refused:
            move(target, s3)
        assert "AWS_SECRET_ACCESS_KEY" in refused.value.fix
        assert "\x1b" not in refused.value.why + refused.value.detail
    with opened(name) as target:
        assert target.outputs.document["kubernetes"] == {"endpoint": "a"}


def test_a_shell_without_the_bucket_s_key_is_told_which_variables_it_needs(
    opened: Opened, s3: MinIO, tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = name_of(tool, "keyless")
    with opened(name) as target:
        move(target, s3)
    for variable in s3.environment:
        monkeypatch.delenv(variable)
    with opened(name) as target, pytest.raises(TerraformFailed) as refused:
        _ = target.is_applied
    assert "export AWS_ACCESS_KEY_ID" in refused.value.fix


def test_a_move_that_was_killed_leaves_the_state_where_it_was(opened: Opened, s3: MinIO, tool: Path) -> None:
    name = name_of(tool, "killed")
    with opened(name) as target:
        bring_up(target, "a")
        key = state.default_key(target.clients)
        (target.place.configuration / BACKEND).write_text(backend(BUCKET, key, s3.endpoint, REGION))  # … and no more
    with opened(name) as target:
        assert target.outputs.document["kubernetes"] == {"endpoint": "a"}
        assert not target.place.has_backend
        move(target, s3)
    with opened(name) as target:
        assert target.outputs.document["kubernetes"] == {"endpoint": "a"}


def test_what_stands_is_asked_of_the_bucket_and_not_of_a_marker(opened: Opened, s3: MinIO, tool: Path) -> None:
    name = name_of(tool, "asked")
    with opened(name) as target:
        bring_up(target, "a")
        move(target, s3)
        target.place.markers.unlink()
    with opened(name) as target:
        assert target.is_applied
        bring_up(target)
    with opened(name) as target:
        assert not target.is_applied, "the marker says yes, and nothing stands"


def test_a_state_that_is_lost_here_is_still_told_from_one_that_is_elsewhere(opened: Opened, s3: MinIO, tool: Path) -> None:
    from kit.targets.cloud import checks

    name = name_of(tool, "lost")
    with opened(name) as target:
        bring_up(target, "a")
        move(target, s3)
        checks.state(target.place, state.must_exist(target.clients))
        (target.place.configuration / BACKEND).unlink()
        target.place.state.unlink()
        with pytest.raises(StateLost):
            checks.state(target.place, state.must_exist(target.clients))


def test_the_command_itself(s3: MinIO, tmp_path: Path) -> None:
    """With the shipped configuration and its provider; of a stack that has nothing yet."""
    kit = Program(tmp_path, "clean", s3.environment)
    ran = kit.must("cloud", "init-state", "--bucket", BUCKET, "--endpoint", s3.endpoint)
    assert f"the state is in {s3.endpoint}/{BUCKET}/kit/clean/terraform.tfstate" in ran.stderr
    written = json.loads((tmp_path / ".kit" / "clean" / "cloud" / "configuration" / BACKEND).read_text())
    assert written["terraform"]["backend"]["s3"]["bucket"] == BUCKET
    assert kit("cloud", "unlock", "4a2b1c3d-0000-0000-0000-000000000000").exit_code != 0


def test_a_name_with_quotes_is_a_name_and_no_setting() -> None:
    awkward = 'a"}\n${file("/etc/passwd")}'
    assert json.loads(backend(awkward, "k", "e", "r"))["terraform"]["backend"]["s3"]["bucket"] == awkward
