"""The interface between the emulated API and what makes its resources real: the types, and the protocol `Backing`.

Above it (`kit/yandex/services`, `kit/yandex/s3/bucket_state.py`): names, ids, rules, operations, the journal. Below it
(`kit/yandex/backing`): containers, buckets, a cluster. The API gives the backing what is wanted, whole and frozen, and gets back
what only the backing knows. Every call is idempotent: after a killed emulator the same one comes again.

Rules:
- Calls for one cluster never overlap; calls for different clusters do, from several threads. They may take minutes.
- A `put_*` makes or changes, a `remove_*` of what is not there is no error.
- What cannot be done raises `BackingFailed`: the client sees it as the operation's error, and the resource is not made.
- `observe_cluster` and `has_bucket` are called before each answer that reads, for drift must be seen: they answer within 50 ms,
  or from a fresh copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from kit.endpoints import Secret
from kit.errors import KitError

STORAGE_HOST = "storage.yandexcloud.net"
DATABASE_DOMAIN = "mdb.yandexcloud.net"
TOKEN_PREFIX = "t1.emu."  # two dots in all: the provider takes it for an IAM token, and the real API refuses it


class BackingFailed(KitError):
    """The backing could not make, change or remove what a resource stands for."""

    code = "KIT-YANDEX-BACKING"
    exit_code = 60
    what = "the emulator failed at {subject}"
    fix = "kit status; then terraform apply again"


class NotPossible(BackingFailed):
    """The backing can never do what is asked, however often; the client sees FAILED_PRECONDITION."""

    code = "KIT-YANDEX-NOT-POSSIBLE"
    exit_code = 60


class Engine(StrEnum):
    """The kinds of cluster; the value is the API's package name."""

    KAFKA = "kafka"
    CLICKHOUSE = "clickhouse"
    POSTGRESQL = "postgresql"
    REDIS = "redis"
    KUBERNETES = "k8s"


@dataclass(frozen=True, slots=True)
class Host:
    """One host as the API shows it. Several hosts may be one container: then it answers under all the names."""

    name: str  # rc1a-<16 characters>.mdb.yandexcloud.net
    zone_id: str
    role: str = ""  # KAFKA, CLICKHOUSE, ZOOKEEPER, KEEPER, MASTER, REPLICA; as far as the API knows


@dataclass(frozen=True, slots=True)
class Cluster:
    """A managed cluster as wanted. `settings` is flat: `max_connections`, `maxmemory_policy`, `message_max_bytes` → value."""

    id: str
    engine: Engine
    name: str
    folder_id: str
    version: str  # "4.0", "25.8", "17", "8.1-valkey", "1.33"
    hosts: tuple[Host, ...] = ()
    memory_bytes: int = 0  # of one host's preset; 0 where unknown
    settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    password: Secret | None = None  # Redis: of the `default` user. ClickHouse: of `admin`, if SQL management is on

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that clients use and that the certificate must carry."""
        return (f"c-{self.id}.rw.{DATABASE_DOMAIN}", f"c-{self.id}.ro.{DATABASE_DOMAIN}", *(host.name for host in self.hosts))


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a Kafka cluster."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]  # Kafka's own names: `retention.ms` → "86400000"


@dataclass(frozen=True, slots=True)
class Database:
    """A database of a PostgreSQL or ClickHouse cluster."""

    name: str
    owner: str = ""  # PostgreSQL only
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """Kafka: topic (or `*`) and PRODUCER | CONSUMER | ADMIN. PostgreSQL, ClickHouse: a database, and no role."""

    subject: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """A user of a database cluster, with its password and rights."""

    name: str
    password: Secret
    grants: tuple[Grant, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


ClusterPart = Topic | Database | User


@dataclass(frozen=True, slots=True)
class KubernetesAccess:
    """The addresses of an API server for this computer (`external`) and for pods (`internal`), and its certificate authority."""

    external: str  # https://127.0.0.1:6443
    internal: str
    ca_pem: str


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a Service, and the one at which every node takes what is for it."""

    port: int
    node_port: int


@dataclass(frozen=True, slots=True)
class BalancedService:
    """A Service of type LoadBalancer, as the cluster has it."""

    namespace: str
    name: str
    uid: str
    address: str  # spec.loadBalancerIP
    ports: tuple[ServicePort, ...]
    health_port: int = 0  # where nodes say whether they have a pod of it; 0: nowhere
    annotations: Mapping[str, str] = field(default_factory=dict)
    given: str = ""  # the address in its status


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a cluster really has. `None` for a kind of part: this backing cannot say, so the journal is believed."""

    exists: bool
    topics: frozenset[str] | None = None
    users: frozenset[str] | None = None
    databases: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A set of DNS records. `name` is absolute and ends in a dot."""

    name: str
    type: str
    ttl_s: int
    data: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A service account's static key for object storage."""

    id: str
    secret: Secret
    service_account_id: str
    folder_id: str


@dataclass(frozen=True, slots=True)
class KeyRights:
    """The buckets that a static key may read from and write to, by name (`s3.bucket_state.BucketState.may`)."""

    key: AccessKey
    reads: frozenset[str]
    writes: frozenset[str]


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """The S3 server that keeps the objects, and the key that opens all of it."""

    host: str
    port: int
    region: str
    key_id: str
    secret: Secret
    ca_file: Path


class Backing(Protocol):
    """Makes managed resources real."""

    @property
    def name(self) -> str:
        """What stands behind the API, for people."""
        ...

    @property
    def is_quick(self) -> bool:
        """True where every call ends within milliseconds: then operations end with the call that starts them."""
        ...

    def forget_clusters_except(self, cluster_ids: frozenset[str]) -> None:
        """Remove what belongs to no cluster of the journal: a kill left it half-made. Called at the emulator's start."""
        ...

    def put_cluster(self, cluster: Cluster) -> KubernetesAccess | None:
        """On return a database answers under all its `names` in the stack's DNS, and a Kubernetes cluster can be reached."""
        ...

    def remove_cluster(self, cluster: Cluster) -> None:
        """Remove the cluster with all its data."""
        ...

    def observe_cluster(self, cluster: Cluster) -> Inventory:
        """What is there at this moment."""
        ...

    def put_part(self, cluster: Cluster, part: ClusterPart) -> None:
        """Make or change a topic, a database or a user."""
        ...

    def remove_part(self, cluster: Cluster, kind: type[ClusterPart], name: str) -> None:
        """Remove a topic, a database or a user with all its data."""
        ...

    def back_up(self, cluster: Cluster, backup_id: str) -> int:
        """Keep a copy of a database cluster's data, also when the cluster goes; returns its size in bytes."""
        ...

    def restore(self, cluster: Cluster, backup_id: str) -> None:
        """Put a copy's data into a new cluster, whose users and databases are there."""
        ...

    def remove_backup(self, backup_id: str) -> None:
        """Remove a copy."""
        ...

    def balanced_services(self) -> tuple[BalancedService, ...] | None:
        """The Services of type LoadBalancer of the Kubernetes cluster; None where it cannot be asked."""
        ...

    def settle_service(self, service: BalancedService, address: str | None, complaint: str) -> None:
        """Tell a Service its load balancer's address; or that it has none, and why."""
        ...

    def node_address(self, node_port: int) -> tuple[str, int] | None:
        """Where this computer reaches a port of the cluster's nodes; None where it does not."""
        ...

    def put_records(self, records: tuple[Record, ...]) -> None:
        """All records of all zones: what is not among them is no longer answered."""
        ...

    def put_bucket(self, name: str) -> None:
        """Make the bucket, if it is not there."""
        ...

    def remove_bucket(self, name: str) -> None:
        """Raises `BucketNotEmpty` while objects are in it."""
        ...

    def has_bucket(self, name: str) -> bool:
        """Whether the bucket is there at this moment."""
        ...

    def put_keys(self, keys: tuple[KeyRights, ...]) -> None:
        """All static keys: what is not among them opens nothing any more. Called at the emulator's start and whenever a key, a
        bucket or an access binding has changed; all pairs of keys and buckets were looked at."""
        ...

    def object_store(self) -> ObjectStore | None:
        """Where the objects are; None where nothing keeps any (then S3 answers NotImplemented for objects)."""
        ...


class NoBacking:
    """`--control-plane-only`: the API answers, and nothing stands behind it. Its cluster has an address where nobody listens."""

    name = "nothing"
    is_quick = True

    def forget_clusters_except(self, cluster_ids: frozenset[str]) -> None: ...

    def put_cluster(self, cluster: Cluster) -> KubernetesAccess | None:
        nowhere = "https://127.0.0.1:9"  # port 9 discards
        return KubernetesAccess(nowhere, nowhere, ca_pem="") if cluster.engine == Engine.KUBERNETES else None

    def remove_cluster(self, cluster: Cluster) -> None: ...

    def observe_cluster(self, cluster: Cluster) -> Inventory:
        return Inventory(exists=True)

    def put_part(self, cluster: Cluster, part: ClusterPart) -> None: ...

    def remove_part(self, cluster: Cluster, kind: type[ClusterPart], name: str) -> None: ...

    def back_up(self, cluster: Cluster, backup_id: str) -> int:
        return 0

    def restore(self, cluster: Cluster, backup_id: str) -> None: ...

    def remove_backup(self, backup_id: str) -> None: ...

    def balanced_services(self) -> tuple[BalancedService, ...] | None:
        return ()

    def settle_service(self, service: BalancedService, address: str | None, complaint: str) -> None: ...

    def node_address(self, node_port: int) -> tuple[str, int] | None:
        return None

    def put_records(self, records: tuple[Record, ...]) -> None: ...

    def put_bucket(self, name: str) -> None: ...

    def remove_bucket(self, name: str) -> None: ...

    def has_bucket(self, name: str) -> bool:
        return True

    def put_keys(self, keys: tuple[KeyRights, ...]) -> None: ...

    def object_store(self) -> ObjectStore | None:
        return None


class S3Refused(Exception):
    """A refused S3 request. `code` is S3's: AccessDenied, NoSuchBucket, SignatureDoesNotMatch, MalformedXML …"""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class BucketNotEmpty(S3Refused):
    """A bucket with objects in it cannot be deleted."""

    def __init__(self, name: str) -> None:
        super().__init__("BucketNotEmpty", f"The bucket {name} you tried to delete is not empty")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket. `documents`: S3's sub-resource (`versioning`, `lifecycle`, `policy`, `cors`, `acl` …) → the body of the last
    PUT. Absent: never set, or deleted."""

    name: str
    folder_id: str
    created_s: int
    documents: Mapping[str, str] = field(default_factory=dict)


class PortTaken(KitError):
    """A port of the emulator is in use by another program."""

    code = "KIT-YANDEX-PORT-TAKEN"
    exit_code = 20
    what = "port {port} is in use"
    why = "another program listens on it, perhaps another emulator"
    fix = "stop it, or take another port: kit yandex emulate {option} 0"
