"""Run inside a pod: every managed store under the names that the cloud gives, verified by chain and name, with usual clients.

Reads /job/job.json, prints one line of JSON: what was asked → "ok", or what went wrong. Nothing of kit is imported here.
"""

import json
import socket
import sys
import urllib.request
from pathlib import Path

JOB = json.loads(Path("/job/job.json").read_text())
CA = "/job/ca.crt"


def resolves(name: str) -> str:
    return "ok" if socket.gethostbyname(name) else "no address"


def record(name: str, address: str) -> str:
    found = socket.gethostbyname(name)
    return "ok" if found == address else found


def kafka(hosts: list[str], username: str, password: str, topic: str) -> str:
    from confluent_kafka import Consumer, Producer, TopicPartition

    settings = {
        "bootstrap.servers": ",".join(f"{host}:9091" for host in hosts),
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": username,
        "sasl.password": password,
        "ssl.ca.location": CA,
        "ssl.endpoint.identification.algorithm": "https",
    }
    told = []
    producer = Producer({**settings, "acks": "all"})
    producer.produce(topic, b"value", on_delivery=lambda error, message: told.append((error, message)))
    producer.flush(20)
    if not told or told[0][0]:
        return f"not written: {told}"
    brokers = {broker.host for broker in producer.list_topics(timeout=10).brokers.values()}
    if brokers != {hosts[0]}:
        return f"sent on to {brokers}"
    consumer = Consumer({**settings, "group.id": "try", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, told[0][1].partition(), told[0][1].offset())])
    message = consumer.poll(20)
    consumer.close()
    return "ok" if message is not None and message.value() == b"value" else f"not read: {message}"


def postgres(host: str, username: str, password: str, database: str) -> str:
    import psycopg

    login = {"host": host, "port": 6432, "user": username, "password": password, "dbname": database}
    with psycopg.connect(**login, sslmode="verify-full", sslrootcert=CA, connect_timeout=10) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS tried (word citext)")
        connection.execute("INSERT INTO tried VALUES ('Word')")
        row = connection.execute("SELECT count(*) > 0 FROM tried WHERE word = 'wORD'").fetchone()
    return "ok" if row == (True,) else str(row)


def redis(host: str, password: str) -> str:
    import redis as library

    client = library.Redis(
        host, 6380, password=password, ssl=True, ssl_ca_certs=CA, ssl_cert_reqs="required", ssl_check_hostname=True
    )
    client.set("tried", "word", ex=60)
    return "ok" if client.get("tried") == b"word" else "not read"


def clickhouse(host: str, username: str, password: str, database: str) -> str:
    import ssl

    from clickhouse_driver import Client

    login = {"database": database, "user": username, "password": password}
    native = Client(host, port=9440, **login, secure=True, verify=True, ca_certs=CA)
    native.execute("CREATE TABLE IF NOT EXISTS tried (word String) ENGINE = Log")
    native.execute("INSERT INTO tried VALUES", [("word",)])
    request = urllib.request.Request(f"https://{host}:8443/?database={database}", data=b"SELECT any(word) FROM tried")
    request.add_header("X-ClickHouse-User", username)
    request.add_header("X-ClickHouse-Key", password)
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=CA), timeout=10) as answer:
        said = answer.read().strip()
    return "ok" if said == b"word" else str(said)


def s3(key_id: str, secret: str, own: str, other: str, style: str) -> str:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    client = boto3.session.Session(key_id, secret, region_name="ru-central1").client(
        "s3", endpoint_url="https://storage.yandexcloud.net", verify=CA, config=Config(s3={"addressing_style": style})
    )
    client.put_object(Bucket=own, Key="a folder/tried", Body=b"word")
    read = client.get_object(Bucket=own, Key="a folder/tried")["Body"].read()
    try:
        client.list_objects_v2(Bucket=other)
    except ClientError as error:
        refused = error.response["Error"]["Code"]
    else:
        refused = "nothing"
    return "ok" if (read, refused) == (b"word", "AccessDenied") else f"{read!r}, refused with {refused}"


def refuses(host: str, port: int, name: str) -> str:
    """The same server under a name that its certificate lacks."""
    import ssl

    context = ssl.create_default_context(cafile=CA)
    try:
        with socket.create_connection((host, port), 10) as plain, context.wrap_socket(plain, server_hostname=name):
            return "accepted"
    except ssl.SSLCertVerificationError:
        return "ok"


def tried(check: dict) -> str:
    try:
        return globals()[check["do"]](**check["with"])
    except Exception as error:
        return f"{type(error).__name__}: {error}"


print(json.dumps({check["name"]: tried(check) for check in JOB}))
sys.stdout.flush()
