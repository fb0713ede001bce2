"""A mail server for tests, by the standard library alone, so that it runs in any container with Python as well.

    python smtp_server.py '{"host": "127.0.0.1", "port": 0, "certificate": …, "key": …, "tls": "starttls", …}'

prints {"port": …} as its first line, then each mail that it took, a line of JSON each. It speaks SMTP (RFC 5321, 3207, 4954) as
far as clients ask for it: STARTTLS or TLS from the first byte on, AUTH PLAIN and LOGIN, and refuses what it is told to refuse.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    certificate: str = ""  # PEM file: leaf and intermediate
    key: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    tls: str = "starttls"  # "starttls", "tls" or "none"
    user: str = ""  # empty: no login is offered
    password: str = ""
    sender: str = ""  # the one that may send; empty: anyone


class Session:
    def __init__(self, settings: Settings, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.settings = settings
        self.reader, self.writer = reader, writer
        self.is_secure = settings.tls == "tls"
        self.is_known = not settings.user
        self.sender, self.recipients = "", list[str]()

    async def run(self) -> None:
        await self.say("220 mail.test ready")
        while line := await self.reader.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if verb.upper() == "QUIT":
                await self.say("221 bye")
                return
            await self.answer(verb.upper(), rest)

    async def answer(self, verb: str, rest: str) -> None:
        if verb in ("EHLO", "HELO"):
            await self.say(*self.offers())
        elif verb == "STARTTLS" and self.settings.tls == "starttls" and not self.is_secure:
            await self.say("220 go ahead")
            await self.writer.start_tls(context(self.settings))
            self.is_secure = True
        elif verb == "AUTH" and self.settings.user:
            await self.log_in(rest)
        elif verb in ("RSET", "NOOP"):
            await self.say("250 ok")
        elif not self.is_known:
            await self.say("530 5.7.0 Authentication required")
        elif verb == "MAIL":
            self.sender, self.recipients = address(rest), []
            is_allowed = self.settings.sender in ("", self.sender)
            await self.say("250 ok" if is_allowed else f"553 5.7.1 <{self.sender}>: Sender address rejected: not owned by user")
        elif verb == "RCPT":
            self.recipients.append(address(rest))
            await self.say("250 ok")
        elif verb == "DATA":
            await self.take()
        else:
            await self.say("502 5.5.2 not here")

    def offers(self) -> list[str]:
        found = ["mail.test"]
        if self.settings.tls == "starttls" and not self.is_secure:
            return ["250-mail.test", "250 STARTTLS"]  # a login in clear is not offered
        if self.settings.user:
            found.append("AUTH PLAIN LOGIN")
        return [f"250{'-' if number < len(found) - 1 else ' '}{word}" for number, word in enumerate(found)]

    async def log_in(self, words: str) -> None:
        mechanism, _, first = words.partition(" ")
        if mechanism.upper() == "PLAIN":
            given = base64.b64decode(first or await self.asked("")).decode().split("\0")[1:]
        else:
            given = [base64.b64decode(first or await self.asked("Username:")).decode()]
            given.append(base64.b64decode(await self.asked("Password:")).decode())
        self.is_known = given == [self.settings.user, self.settings.password]
        await self.say("235 2.7.0 welcome" if self.is_known else "535 5.7.8 Authentication credentials invalid")

    async def asked(self, question: str) -> str:
        await self.say(f"334 {base64.b64encode(question.encode()).decode()}")
        return (await self.reader.readline()).decode().strip()

    async def take(self) -> None:
        await self.say("354 end with a dot")
        lines: list[str] = []
        while (line := (await self.reader.readline()).decode(errors="replace").rstrip("\r\n")) != ".":
            lines.append(line.removeprefix(".") if line.startswith("..") else line)
        mail = {"from": self.sender, "to": self.recipients, "secure": self.is_secure, "login": self.settings.user}
        print(json.dumps({**mail, "text": "\n".join(lines)}), flush=True)
        await self.say("250 taken")

    async def say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()


def address(words: str) -> str:
    return words.partition("<")[2].partition(">")[0]


def context(settings: Settings) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(settings.certificate, settings.key)
    return found


async def serve(settings: Settings) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Session(settings, reader, writer).run()
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # a client that does not trust hangs up
        finally:
            writer.close()

    secured = context(settings) if settings.tls == "tls" else None
    server = await asyncio.start_server(handle, settings.host, settings.port, ssl=secured)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Settings(**json.loads(sys.argv[1]))))
