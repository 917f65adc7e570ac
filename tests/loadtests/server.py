"""A small HTTP server for load tests: counts what it is asked, and stalls once for a known time.

python tests/loadtests/server.py [--stall-at S --stall-for S] [--service S]

It says at which port it listens. The stall is counted from the first GET of /v1; `--service` makes it serve one
request after the other, each for so long. GET /seen answers with what was asked for and how often.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter


class Server:
    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.seen: Counter[str] = Counter()
        self.began = False
        self.worker = asyncio.Lock()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = [
                    line.partition(":")[2] for line in head.lower().splitlines() if line.startswith("content-len")
                ]
                await reader.readexactly(int(length[0]) if length else 0)
                body = await self.answer(*head.split(" ", 2)[:2])
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def answer(self, method: str, path: str) -> bytes:
        if path == "/seen":
            return json.dumps(self.seen).encode()
        self.seen[f"{method} {path}"] += 1
        if not self.began:
            self.began = True
            if self.given.stall_for:
                asyncio.get_running_loop().call_later(self.given.stall_at, time.sleep, self.given.stall_for)
        if self.given.service:
            async with self.worker:
                await asyncio.sleep(self.given.service)
        return b"ok"


async def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("stall-at", "stall-for", "service"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    server = Server(parser.parse_args())
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, backlog=1024)
    print(listening.sockets[0].getsockname()[1], flush=True)
    async with listening:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
