"""Ask a server without a pause: `python load.py PORT PATH BODIES CLIENTS SECONDS`.

BODIES is a file of JSON, a body a line, sent in turn. Each client keeps one connection and waits
for the answer. Prints requests a second and the time of a request in milliseconds, as JSON.
"""

import asyncio
import json
import statistics
import sys
import time
from itertools import count
from pathlib import Path

PORT, PATH, BODIES, CLIENTS, SECONDS = sys.argv[1:]
REQUESTS = [
    (
        f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()
    + body
    for body in Path(BODIES).read_bytes().splitlines()
]
taken: list[float] = []


async def client(number: int, until: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(PORT))
    for turn in count(number):
        started = time.perf_counter()
        if started > until:
            break
        writer.write(REQUESTS[turn % len(REQUESTS)])
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            sys.exit(f"{PATH} answers {head.decode()}")
        names = (line.partition(b":") for line in head.lower().split(b"\r\n"))
        length = next(int(value) for name, _, value in names if name == b"content-length")
        await reader.readexactly(length)
        taken.append(time.perf_counter() - started)
    writer.close()


async def main(seconds: float) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(client(n, started + seconds) for n in range(int(CLIENTS))))
    return time.perf_counter() - started


asyncio.run(main(min(1.0, float(SECONDS))))  # what the first requests import and compile
taken.clear()
seconds = asyncio.run(main(float(SECONDS)))
cuts = statistics.quantiles(taken, n=100)
print(json.dumps({"rate": len(taken) / seconds, "p50": 1000 * cuts[49], "p99": 1000 * cuts[98]}))
