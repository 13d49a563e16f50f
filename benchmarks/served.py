"""How fast are texts scored by a server, against a bare load generator on the same server?

    python benchmarks/served.py [--quick] [--repeats N] [--results FILE]

The server is a stub that answers after 20 ms. The load generator sends prepared bytes over 64 plain
sockets and reads each answer's JSON; nothing in Python does less. The source formats each text,
checks each answer, adapts the number of requests and hands scores out as they come.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

from results import Options, medians, options, publish, table, within

from rmcheck.data import Dialogue
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create

Load = Callable[[int, int, int], Coroutine[None, None, None]]

LATENCY = 0.020
AT_ONCE = 64
GOAL_SHARE, GOAL_MS = 0.95, 1.0
ANSWER = "The cat sat on the mat and looked at the rain. " * 8


def dialogues(count: int) -> list[Dialogue]:
    """Different texts of about 400 characters."""
    return [Dialogue(f"What happened on day {n}?", f"{ANSWER}({n})") for n in range(count)]


@contextlib.contextmanager
def stub() -> Iterator[int]:
    """The port of the stub, in a process of its own."""
    script = Path(__file__).with_name("stub_server.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(LATENCY)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        pinned(process.pid)
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def pinned(stub: int) -> None:
    """Give the stub a core of its own, so that it does not interrupt who wakes it."""
    if not hasattr(os, "sched_setaffinity"):
        return
    first, *others = sorted(os.sched_getaffinity(0))
    if others:
        os.sched_setaffinity(stub, others)
        os.sched_setaffinity(0, {first})


def bodies(count: int, batch: int) -> list[bytes]:
    """The requests of the load generator, made before its time starts."""
    texts = [f"Human: {one.prompt}\n\nAssistant: {one.response}" for one in dialogues(count)]
    found = []
    for start in range(0, count, batch):
        asked = {"model": "stub", "use_activation": False, "input": texts[start : start + batch]}
        body = json.dumps(asked).encode()
        found.append(
            b"POST /classify HTTP/1.1\r\nhost: stub\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )
    return found


async def load(port: int, requests: list[bytes], at_once: int) -> None:
    """Send the requests over as many sockets, and read the JSON of each answer."""
    waiting = iter(requests)

    async def worker() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            json.loads(await reader.readexactly(size))
        writer.close()

    await asyncio.gather(*(worker() for _ in range(at_once)))


async def load_pycurl(port: int, count: int, at_once: int) -> None:
    """The same by libcurl in its own loop, without asyncio."""
    import pycurl

    waiting = iter(dialogues(count))
    multi = pycurl.CurlMulti()
    under_way = 0
    idle = []
    for _ in range(at_once):
        easy = pycurl.Curl()
        easy.setopt(pycurl.URL, f"http://127.0.0.1:{port}/classify")
        idle.append(easy)
    while True:
        while idle and (one := next(waiting, None)) is not None:
            easy = idle.pop()
            easy.parts = []
            easy.setopt(pycurl.POSTFIELDS, json.dumps({"model": "stub", "input": [one.response]}))
            easy.setopt(pycurl.WRITEFUNCTION, easy.parts.append)
            multi.add_handle(easy)
            under_way += 1
        multi.perform()
        _, done, failed = multi.info_read()
        assert not failed
        for easy in done:
            json.loads(b"".join(easy.parts))
            multi.remove_handle(easy)
            idle.append(easy)
        under_way -= len(done)
        if not under_way:
            return
        if not done:
            multi.select(1.0)


async def load_aiohttp(port: int, count: int, at_once: int) -> None:
    """The same by aiohttp, one text in a request."""
    import aiohttp

    waiting = iter(dialogues(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:

        async def worker() -> None:
            for one in waiting:
                asked = {"model": "stub", "input": [one.response]}
                url = f"http://127.0.0.1:{port}/classify"
                async with client.post(url, json=asked) as answer:
                    await answer.json()

        await asyncio.gather(*(worker() for _ in range(at_once)))


async def load_httpx(port: int, count: int, at_once: int) -> None:
    """The same by httpx2."""
    import httpx2

    waiting = iter(dialogues(count))
    limits = httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    async with httpx2.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:

        async def worker() -> None:
            for one in waiting:
                asked = {"model": "stub", "input": [one.response]}
                answer = await client.post(f"http://127.0.0.1:{port}/classify", json=asked)
                answer.json()

        await asyncio.gather(*(worker() for _ in range(at_once)))


class Clocks:
    """Seconds by the wall and of the processor that a way took."""

    def __init__(self) -> None:
        self.processor: dict[str, list[float]] = {}

    def timed(self, name: str, run: object) -> float:
        """Wall seconds of `run`; its processor time is kept."""
        assert callable(run)
        before, started = time.process_time(), time.perf_counter()
        run()
        seconds = time.perf_counter() - started
        self.processor.setdefault(name, []).append(time.process_time() - before)
        return seconds

    def least(self, name: str) -> float:
        """The processor seconds of the run with the fewest."""
        return min(self.processor[name])


def section(port: int, how: Options, root: Path) -> str:
    """The tables."""
    clocks = Clocks()
    rows = []
    plans = [(1, AT_ONCE, 4000), (16, AT_ONCE, 32000), (1, 16, 1500), (1, 1, 200)]
    added, shares = [], []
    for batch, at_once, count in plans:
        count = count // 20 if how.quick else count
        texts, requests = dialogues(count), bodies(count, batch)
        spec = f"http://127.0.0.1:{port},profile=vllm,batch={batch},concurrency={at_once}"

        def ask(spec: str = spec, texts: list[Dialogue] = texts) -> None:
            create(spec, SourceOptions(root=root, cache=root)).score(texts)

        def bare(requests: list[bytes] = requests, at_once: int = at_once) -> None:
            asyncio.run(load(port, requests, at_once))

        bare_name, ours = f"bare {batch} {at_once}", f"rmcheck {batch} {at_once}"
        found = medians(
            {
                bare_name: lambda name=bare_name, run=bare: clocks.timed(name, run),  # type: ignore[misc]
                ours: lambda name=ours, run=ask: clocks.timed(name, run),  # type: ignore[misc]
            },
            how.repeats,
        )
        each = (clocks.least(ours) - clocks.least(bare_name)) / count * 1000
        wall = (found[ours] - found[bare_name]) / count * 1000
        share = found[bare_name] / found[ours]
        added.append(each if at_once > 1 else wall)
        shares.append(share)
        told = f"{batch} in a request, {at_once} at once"
        rows += [
            (told, "load generator", count / found[bare_name], "", ""),
            (told, "rmcheck", count / found[ours], f"{100 * share:.1f} %", f"{each:.3f} ms"),
        ]
    count = plans[0][2] // (20 if how.quick else 4)
    libraries: dict[str, Load] = {
        "libcurl, bare": load_pycurl,
        "aiohttp, bare": load_aiohttp,
        "httpx2, bare": load_httpx,
    }
    for name, run in libraries.items():
        seconds = clocks.timed(name, lambda run=run: asyncio.run(run(port, count, AT_ONCE)))
        spent = clocks.least(name) / count * 1000
        rows.append(("1 in a request, 64 at once", name, count / seconds, "", f"{spent:.3f} ms"))
    head = ("texts", "way", "texts/s", "of the generator", "processor time added for each text")
    least = shares[0]
    goal = "reached" if least >= GOAL_SHARE else "missed"
    return "\n\n".join(
        [
            "The server is a stub on the same machine that answers each request after 20 ms; texts "
            f"have 400 characters. Median of {how.repeats}, run in turn, without a cache. {busy()}",
            table(head, rows),
            f"The source reaches {100 * least:.1f} % of the load generator with 64 requests of one "
            f"text at once (goal {100 * GOAL_SHARE:.0f} %: {goal}), and adds "
            f"{within(max(added), GOAL_MS, 'ms')} to a text.",
            "The source sends its requests by libcurl. The rows of three libraries alone give all "
            "of the processor time that they spend on a request; httpx2 spends more than the goal "
            "allows.",
        ]
    )


def busy() -> str:
    """How many processes wanted the cores, which decides what a share by the wall is worth."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    told = f"The load of the machine was {load:.1f} on {cores} cores"
    if load <= cores:
        return f"{told}."
    return f"{told}: shares of time say little; compare processor time."


def main() -> int:
    how = options(__doc__, 5)
    with tempfile.TemporaryDirectory() as folder, stub() as port:
        publish("Served models", section(port, how, Path(folder)), how)
    return 0


if __name__ == "__main__":
    sys.exit(main())
