"""Refusals of the API: a gRPC code, a message, and for a bad field its path (google.rpc.BadRequest)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2


@dataclass(frozen=True, slots=True)
class Violation:
    """A field that is not as it must be."""

    field: str  # config_spec.resources.disk_size; items are named by position: user_specs[0].name
    description: str


class Refusal(Exception):
    """A refused call."""

    def __init__(self, code: grpc.StatusCode, message: str, violations: Sequence[Violation] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.violations = tuple(violations)

    def status(self) -> status_pb2.Status:
        """The status, as `grpc-status-details-bin` and an operation's error carry it."""
        status = status_pb2.Status(code=code_pb2.Code.Value(self.code.name), message=self.message)
        if self.violations:
            bad = error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(field=found.field, description=found.description)
                    for found in self.violations
                ]
            )
            status.details.add().Pack(bad)
        return status


def invalid(field: str, description: str) -> Refusal:
    return invalids([Violation(field, description)])


def invalids(violations: Sequence[Violation]) -> Refusal:
    text = "; ".join(f"{found.field}: {found.description}" for found in violations)
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"Illegal argument {text}", violations)


def not_found(noun: str, name: str) -> Refusal:
    return Refusal(grpc.StatusCode.NOT_FOUND, f"{noun} {name} not found")


def foreign(noun: str, name: str) -> Refusal:
    """For an id of the real cloud. Never NOT_FOUND: terraform would drop from its state, as deleted, what stands there."""
    return Refusal(
        grpc.StatusCode.PERMISSION_DENIED,
        f"{noun} {name} is none of this emulator's: the state seems to be the real cloud's. Give the emulator a state of its own",
    )


def already_exists(noun: str, name: str) -> Refusal:
    return Refusal(grpc.StatusCode.ALREADY_EXISTS, f"{noun} with name {name} already exists")


def precondition(message: str) -> Refusal:
    return Refusal(grpc.StatusCode.FAILED_PRECONDITION, message)


def unimplemented(label: str) -> Refusal:
    return Refusal(grpc.StatusCode.UNIMPLEMENTED, f"{label} is not implemented by this emulator: kit yandex coverage")
