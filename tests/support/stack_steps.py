"""What each kind of step does to the model of a stack, one lasting effect after another, in the order of `targets.local.apply`.

A kit that is killed leaves any one of these states behind. A step that could not succeed raises `StepFailed`, so a plan is found
out that lets a step begin too early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from kit.plan.steps import Step
from kit.targets.local import observe
from tests.support.stack_model import OWNER, STACK, Certificate, NodeModel, ReleaseModel, StackModel


class StepFailed(Exception):
    """A step was begun where it cannot succeed."""


def supply(model: StackModel, step: Step) -> Iterator[StackModel]:
    yield replace(model, missing=())


def issue_authority(model: StackModel, step: Step) -> Iterator[StackModel]:
    made = model.authorities + 1
    yield (model := replace(model, authority=made, authorities=made))
    yield replace(model, trust=made)


def publish_trust(model: StackModel, step: Step) -> Iterator[StackModel]:
    yield replace(model, trust=model.authority)


def issue_leaf(model: StackModel, step: Step) -> Iterator[StackModel]:
    _demand(model.authority, "there is no authority")
    held = model.certificates[step.name]
    made = Certificate(held.number + 1 if held else 1, model.authority)
    yield replace(model, certificates={**model.certificates, step.name: made})


def make_secrets(model: StackModel, step: Step) -> Iterator[StackModel]:
    yield replace(model, secrets=True)


def create_network(model: StackModel, step: Step) -> Iterator[StackModel]:
    yield replace(model, network=True)


def delete_volume(model: StackModel, step: Step) -> Iterator[StackModel]:
    name = step.name
    yield (model := model.store(name, container=None, serves=None, answers=False))
    yield (model := model.store(name, volume="", lines=frozenset(), setup=None, topics=False))
    for mark in ("volume", "setup", "format"):
        yield (model := model.forget(f"{mark}/{name}"))


def create_volume(model: StackModel, step: Step) -> Iterator[StackModel]:
    name = step.name
    for mark in ("volume", "setup"):
        yield (model := model.forget(f"{mark}/{name}"))
    if not model.stores[name].volume:
        yield (model := model.mark(f"format/{name}", ""))
        yield (model := model.store(name, volume="unowned", setup=None, topics=False))
    if model.stores[name].volume == "unowned":
        yield (model := model.store(name, volume="new"))
    yield model.mark(f"volume/{name}", OWNER)


def start_store(model: StackModel, step: Step) -> Iterator[StackModel]:
    name, wanted = step.name, model.wanted_store(step.name)
    before = model.stores[name]
    _demand(before.volume not in ("", "unowned"), "the store cannot write to its volume")
    _demand(not model.missing and model.secrets and model.network, "images, passwords and network are not there")
    _demand(model.certificate_complaint(name) is None, "its certificate does not serve")
    _demand(not wanted.opens or before.lines <= set(wanted.opens), "it cannot read its volume")
    yield (model := model.forget("preflight"))
    yield (model := model.mark(f"format/{name}", observe.formats_after(model.marks, name, wanted.line or name)))
    if before.container is None or before.container[:2] != (wanted.image, wanted.config):
        yield (model := model.store(name, container=(wanted.image, wanted.config, "created"), serves=None, answers=False))
    yield _started(model, name, before.lines | ({wanted.line} if wanted.line else set()))


def restart_store(model: StackModel, step: Step) -> Iterator[StackModel]:
    before = model.stores[step.name]
    _demand(before.container is not None, "there is no container")
    _demand(model.certificate_complaint(step.name) is None, "its certificate does not serve")
    assert before.container
    yield (model := model.forget("preflight"))
    yield (model := model.store(step.name, container=(*before.container[:2], "exited"), serves=None, answers=False))
    yield _started(model, step.name, before.lines)


def _started(model: StackModel, name: str, lines: frozenset[str]) -> StackModel:
    before = model.stores[name]
    assert before.container
    running, starts = (*before.container[:2], "running"), before.starts + 1
    return model.store(name, container=running, serves=model.certificates[name], answers=False, lines=lines, starts=starts)


def _reachable(model: StackModel, name: str) -> None:
    seen = model.stores[name]
    _demand(seen.container is not None and seen.container[2] == "running", f"{name} does not run")
    _demand(model.trust == model.authority, "the published trust is damaged")
    _demand(seen.serves is not None and seen.serves.authority == model.authority, f"the certificate of {name} does not verify")


def set_up_store(model: StackModel, step: Step) -> Iterator[StackModel]:
    _reachable(model, step.name)
    wanted = model.wanted.stores[step.name].setup
    assert wanted is not None
    yield (model := model.store(step.name, answers=True, setup=wanted))
    yield model.mark(f"setup/{step.name}", wanted)


def wait_store(model: StackModel, step: Step) -> Iterator[StackModel]:
    _reachable(model, step.name)
    wanted = model.wanted.stores[step.name]
    _demand(wanted.setup is None or model.stores[step.name].setup is not None, "nobody can log in")
    if model.stores[step.name].serves != model.certificates[step.name]:
        *states, model = restart_store(model, step)
        yield from states
    yield model.store(step.name, answers=True)


def mend_topics(model: StackModel, step: Step) -> Iterator[StackModel]:
    _reachable(model, "kafka")
    _demand(model.stores["kafka"].answers, "kafka does not answer yet")
    yield model.store("kafka", topics=True)


def recover_cluster(model: StackModel, step: Step) -> Iterator[StackModel]:
    """In vain, where it does not recover: then there is no patience left, which is no failure of the whole."""
    if _node(model).recovers:
        yield (model := model.in_node(state="running"))
        model = model.in_node(silence=None)
    yield model


def delete_cluster(model: StackModel, step: Step) -> Iterator[StackModel]:
    yield replace(model, node=None)


def make_node_image(model: StackModel, step: Step) -> Iterator[StackModel]:
    _demand(not model.missing, "its parts are not there")
    yield replace(model, node_image=True)


def create_cluster(model: StackModel, step: Step) -> Iterator[StackModel]:
    _demand(model.node is None, "there is a node of that name")
    _demand(model.network and not model.missing, "network or node image are not there")
    wanted = model.desired().cluster
    assert wanted
    has_images = bool(wanted.node_image and model.node_image)
    number = model.nodes + 1
    made = NodeModel(f"n{number}", wanted.config, images=frozenset(wanted.images if has_images else ()))
    yield (model := model.mark("cluster", "unfinished"))
    yield (model := replace(model, node=made, nodes=number))
    yield (model := model.in_node(record=f"{made.id} {wanted.config}"))
    yield (model := model.mark("cluster", f"{made.id} {wanted.config}"))
    if has_images:
        yield model.mark("cluster-images", " ".join((made.id, *wanted.images)))


def load_images(model: StackModel, step: Step) -> Iterator[StackModel]:
    wanted = model.desired().cluster
    assert wanted
    _demand(not model.missing, "the images are not there")
    node = _node(model)
    marked = observe.images_in(model.engine().node(STACK.name), model.marks)
    yield (model := model.in_node(images=node.images.union(wanted.images)))
    yield model.mark("cluster-images", " ".join((node.id, *sorted(marked.union(wanted.images)))))


def set_up_registries(model: StackModel, step: Step) -> Iterator[StackModel]:
    assert model.wanted.cluster
    mirrors = model.wanted.cluster.registries
    yield (model := model.in_node(registries=mirrors))
    yield model.mark("cluster-registries", f"{_node(model).id} {mirrors}")


def check_values(model: StackModel, step: Step) -> Iterator[StackModel]:
    _demand(model.fingerprint() != "unknown", "what the release is made from is not there")
    yield model.mark("values", model.fingerprint())


def check_preflight(model: StackModel, step: Step) -> Iterator[StackModel]:
    for name in model.stores:
        _reachable(model, name)
        _demand(model.stores[name].answers and model.stores[name].setup, f"{name} does not answer yet")
    assert model.wanted.cluster
    _demand(_node(model).images.issuperset(map(model.reference, model.wanted.cluster.images)), "images are not in the node")
    _demand(_node(model).silence is None, "the cluster does not answer")
    yield (model := model.in_node(preflight=model.pair()))
    yield model.mark("preflight", model.preflight_fingerprint())


def install_sentry(model: StackModel, step: Step) -> Iterator[StackModel]:
    """Helm writes the record, then everything else, then runs the hooks."""
    wanted, before = model.fingerprint(), _node(model).release
    _demand(model.marks.get("values") == wanted, "a release is installed whose values were not checked")
    _demand(_node(model).preflight == model.pair(), "a release is installed whose connections were not checked")
    yield (model := model.forget("demo"))
    old = before.pods if before else ""
    complaint = (before.complaint if before else None) if old else "its pods are not there"
    yield (model := model.in_node(release=ReleaseModel(wanted, old, complaint, is_finished=False)))
    yield (model := model.in_node(release=ReleaseModel(wanted, wanted, "its pods are not ready", is_finished=False)))
    yield model.in_node(release=ReleaseModel(wanted, wanted, None, is_finished=False))


def wait_sentry(model: StackModel, step: Step) -> Iterator[StackModel]:
    wanted, there = model.fingerprint(), _node(model).release
    _demand(there is not None and there.pods == wanted, "it is not installed")
    yield model.in_node(release=ReleaseModel(wanted, wanted))


def prove_demo(model: StackModel, step: Step) -> Iterator[StackModel]:
    wanted = model.fingerprint()
    _demand(_node(model).release == ReleaseModel(wanted, wanted), "nobody takes the exception")
    yield (model := model.in_node(demo=wanted))
    yield model.mark("demo", wanted)


def _node(model: StackModel) -> NodeModel:
    if model.node is None:
        raise StepFailed("there is no node")
    return model.node


def _demand(holds: object, otherwise: str) -> None:
    if not holds:
        raise StepFailed(otherwise)


ACTIONS: Mapping[str, Callable[[StackModel, Step], Iterator[StackModel]]] = {
    "supply images": supply,
    "issue authority": issue_authority,
    "issue leaf": issue_leaf,
    "publish trust": publish_trust,
    "make secrets": make_secrets,
    "create network": create_network,
    "delete volume": delete_volume,
    "create volume": create_volume,
    "start store": start_store,
    "restart store": restart_store,
    "wait store": wait_store,
    "set-up store": set_up_store,
    "mend topics": mend_topics,
    "recover cluster": recover_cluster,
    "delete cluster": delete_cluster,
    "make cluster": make_node_image,
    "create cluster": create_cluster,
    "load cluster": load_images,
    "set-up cluster": set_up_registries,
    "check values": check_values,
    "check preflight": check_preflight,
    "install sentry": install_sentry,
    "wait sentry": wait_sentry,
    "prove demo": prove_demo,
}


def carry_out(model: StackModel, step: Step) -> list[StackModel]:
    """The states that a step goes through; the last one is that after it. Raises `StepFailed`."""
    try:
        return list(ACTIONS[step.kind](model, step)) or [model]
    except StepFailed as failed:
        raise StepFailed(f"{step.id}: {failed}") from None
