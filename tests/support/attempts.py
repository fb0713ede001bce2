"""What malicious settings would try: a program that a sandbox is given in the executor's place, with no audit hook around it.

It is a text for `sandbox.Sandbox.run`, so it imports nothing of ours. Each attempt is a line of JSON. Every one is harmless where
it succeeds, for that is what it does when a sandbox is broken, and tests may run as root.
"""

import ctypes
import errno
import glob
import json
import os
import socket


def environments(wanted):
    """Every process's variables that can be read, ours included."""
    found = dict(os.environ)
    for path in glob.glob("/proc/*/environ"):
        try:
            with open(path, "rb") as file:
                found[path] = file.read().decode(errors="replace")
        except OSError:
            pass
    return [wanted["secret"] in text for text in found.values()].count(True)


def processes(wanted):
    return len(glob.glob("/proc/[0-9]*"))


def connection(wanted):
    socket.create_connection(("127.0.0.1", wanted["port"]), timeout=2).close()


def outside(wanted):
    socket.create_connection((wanted["address"], wanted["port"]), timeout=2).close()


def engine(wanted):
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect("/var/run/docker.sock")


def writing(wanted):
    """A file anywhere, by the call that an audit hook saw no mode of."""
    made = []
    for folder in ("/", "/tmp", "/dev/shm", "/var/tmp", "/run", "/packages", os.path.expanduser("~"), wanted["folder"]):
        path = os.path.join(folder, f"kit-was-here-{os.getpid()}")
        try:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        except OSError:
            continue
        os.remove(path)
        made.append(folder)
    return made


def shell(wanted):
    command = f"echo was here > {wanted['folder']}/by-shell"
    return ctypes.CDLL(None).system(command.encode())


def forking(wanted):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def threads(wanted):
    import threading

    threading.Thread(target=int).start()


def home(wanted):
    return os.listdir(wanted["home"])


def secret_file(wanted):
    with open(os.path.join(wanted["folder"], "secret")) as file:
        return file.read()


def becoming_root(wanted):
    os.setuid(0)


def mounting(wanted):
    """Something that no kernel knows: who may mount is told that, and who may not is told so."""
    library = ctypes.CDLL(None, use_errno=True)
    assert library.mount(b"none", b"/", b"no-such-file-system", 0, None) == -1
    return errno.errorcode[ctypes.get_errno()]


def identity(wanted):
    return os.getuid(), os.getgid(), os.getgroups()


def capabilities(wanted):
    with open("/proc/self/status") as file:
        return [line.split()[1] for line in file if line.startswith(("CapEff", "CapPrm"))]


def memory(wanted):
    return len(bytearray(400 * 1024**2))


ATTEMPTS = [
    *(environments, processes, connection, outside, engine, writing, shell, forking, threads, home, secret_file),
    *(becoming_root, mounting, identity, capabilities, memory),
]


def main(wanted):
    chosen = [attempt for attempt in ATTEMPTS if attempt.__name__ in wanted.get("only", (attempt.__name__,))]
    for attempt in chosen:
        try:
            answer = {"came to": attempt(wanted)}
        except BaseException as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps({"attempt": attempt.__name__, **answer}), flush=True)
