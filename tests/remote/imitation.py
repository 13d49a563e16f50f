"""A server of our own that imitates each profile, its traps included, and misbehaves on demand.

It gives every text the same reward whatever is around it, so that any other score is the client's
fault. `Imitation.answer` is the server; `InProcess` is a connection to it without a network, and
`serving` puts it behind a real socket.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rmcheck.remote.connection import LinkError, Reply

BOS = "<s>"


def reward(text: str) -> float:
    """A number in about (−4, 4) that looks random and depends on every character."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**45 - 4.0


def of_ids(ids: list[int]) -> float:
    return reward(" ".join(map(str, ids)))


def told(messages: list[dict[str, Any]]) -> str:
    """The text that the server's own template makes of a conversation."""
    return BOS + "".join(f"[{turn['role']}] {turn['content']}\n" for turn in messages)


Json = Any
Fault = Callable[[Reply], Reply]
"""What becomes of an answer; may raise LinkError."""


def refusing(status: int, **headers: str) -> Fault:
    def fault(_: Reply) -> Reply:
        body = json.dumps({"error": {"message": f"refused with {status}"}}).encode()
        return Reply(status, headers, body)

    return fault


def reset(_: Reply) -> Reply:
    raise LinkError("reset", "the connection was closed before the answer ended")


def late(_: Reply) -> Reply:
    raise LinkError("time-out", "no answer within 1 s")


def truncated(reply: Reply) -> Reply:
    return Reply(reply.status, reply.headers, reply.body[: len(reply.body) // 2])


def page(_: Reply) -> Reply:
    return Reply(200, {}, b"<!doctype html><html><title>Bad gateway</title><p>sorry</html>")


def _rows(answer: Json) -> list[Any]:
    """The list of an answer that has one entry for each text."""
    if isinstance(answer, list):
        return answer
    for key in ("data", "rewards", "choices"):
        if key in answer:
            return list(answer[key])
    raise AssertionError(answer)


def _with_rows(answer: Json, rows: list[Any]) -> Json:
    if isinstance(answer, list):
        return rows
    key = next(key for key in ("data", "rewards", "choices") if key in answer)
    return {**answer, key: rows}


def _changed(reply: Reply, change: Callable[[list[Any]], list[Any]]) -> Reply:
    if reply.status != 200:
        return reply
    answer = json.loads(reply.body)
    return Reply(200, reply.headers, json.dumps(_with_rows(answer, change(_rows(answer)))).encode())


def short(reply: Reply) -> Reply:
    """One row too few."""
    return _changed(reply, lambda rows: rows[:-1])


def shuffled(reply: Reply) -> Reply:
    """The rows in reverse; only for servers that give an index."""
    return _changed(reply, lambda rows: rows[::-1])


def not_a_number(reply: Reply) -> Reply:
    """The first number is NaN."""
    return _changed(reply, lambda rows: [_nan(rows[0]), *rows[1:]])


def _nan(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return float("nan")
    if isinstance(value, list):
        return [_nan(inner) for inner in value]
    if isinstance(value, dict):
        return {key: inner if key == "index" else _nan(inner) for key, inner in value.items()}
    if isinstance(value, str) and value.startswith("reward:"):
        return "reward:nan"
    return value


EVERY_FAULT: Mapping[str, Fault] = {
    "429": refusing(429, **{"retry-after": "2"}),
    "500": refusing(500),
    "503": refusing(503),
    "reset": reset,
    "time-out": late,
    "truncated JSON": truncated,
    "wrong count": short,
    "wrong order": shuffled,
    "NaN": not_a_number,
    "HTML page": page,
}


@dataclass
class Imitation:
    """A server of one profile.

    Attributes
    ----------
    fault
        What becomes of the answer to the scoring request of a number, from 0 on; None: nothing.
    key
        The key that it asks for; empty: none.
    most
        Texts in a request at most.
    activation
        What it applies to each reward where the request does not switch it off.
    answered
        How often each text was answered with a reward.
    """

    profile: str
    fault: Callable[[int], Fault | None] = lambda _: None
    key: str = ""
    model: str = "rm"
    models: tuple[str, ...] = ("rm",)
    revision: str = "0123456789abcdef0123456789abcdef01234567"
    most: int | None = None
    max_length: int | None = None
    strips: bool = False
    cuts: int | None = None
    score: Callable[[str], float] = reward
    requests: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    seen: list[Json] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if method == "GET":
            return self._told(path, headers)
        with self.lock:
            number = self.requests
            self.requests += 1
            self.headers.append(headers)
        if self.key and headers.get("authorization") != f"Bearer {self.key}":
            given = headers.get("authorization", "none")
            return _json({"error": {"message": f"invalid key: {given}"}}, 401)
        asked = json.loads(body)
        self.seen.append(asked)
        reply = self._scored(path, asked)
        fault = self.fault(number)
        changed = fault(reply) if fault else reply
        if changed.status == 200:
            self._count(asked, changed)
        return changed

    def _count(self, asked: Json, reply: Reply) -> None:
        """Count the texts for which this answer has a number."""
        try:
            rows = _rows(json.loads(reply.body))
        except (ValueError, AssertionError):
            return
        texts = self.texts_of(asked)
        if len(rows) != len(texts):
            return
        placed = sorted(rows, key=lambda row: row["index"]) if "index" in str(rows[0]) else rows
        for text, row in zip(texts, placed, strict=True):
            if "NaN" not in json.dumps(row) and "reward:nan" not in json.dumps(row):
                with self.lock:
                    self.answered[text] += 1

    def texts_of(self, asked: Json) -> list[str]:
        """What is scored of a request, as texts."""
        if "messages" in asked:
            return [told(asked["messages"])]
        key = next(key for key in ("input", "text", "input_ids", "inputs", "query") if key in asked)
        given = asked[key]
        texts = []
        for one in given:
            if isinstance(one, list) and one and isinstance(one[0], int):
                texts.append(" ".join(map(str, one)))
            else:
                texts.append(one[0] if isinstance(one, list) else one)
        return texts

    def _value(self, text: str) -> float:
        text = text.strip() if self.strips else text
        words = text.split(" ")
        if self.cuts is not None and len(words) > self.cuts:
            text = " ".join(words[: self.cuts])
        return self.score(text)

    def _scored(self, path: str, asked: Json) -> Reply:
        texts = self.texts_of(asked)
        if self.most is not None and len(texts) > self.most:
            error = {"error": f"batch size {len(texts)} > maximum allowed batch size {self.most}"}
            return _json({**error, "error_type": "Validation"}, 422)
        long = [text for text in texts if self.max_length and len(text.split()) > self.max_length]
        if long:
            said = f"This model's maximum context length is {self.max_length} tokens"
            return _json({"error": {"message": said, "code": 400}}, 400)
        if any(not text for text in texts) and self.profile in ("vllm", "sglang"):
            return _json({"error": {"message": "the input is empty"}}, 400)
        if asked.get("model", self.model) not in ("", *self.models):
            said = f"The model `{asked['model']}` does not exist."
            return _json({"error": {"message": said, "code": 404}}, 404)
        shape = getattr(self, f"_{self.profile.replace('-', '_')}", None)
        assert shape is not None, self.profile
        found: Reply = shape(path, asked, texts)
        return found

    def _vllm(self, path: str, asked: Json, texts: list[str]) -> Reply:
        if path != "/classify":
            return _json({"detail": "Not Found"}, 404)
        # Text gets a BOS even where it has one; ids and messages are taken as they are.
        adds = asked.get("add_special_tokens", True) and _is_text(asked)
        values = [self._value(BOS + text if adds else text) for text in texts]
        if asked.get("use_activation", True):
            values = [1 / (1 + 2.718281828**-value) for value in values]
        rows = [
            {"index": place, "label": "LABEL_0", "probs": [value], "num_classes": 1}
            for place, value in enumerate(values)
        ]
        return _json({"id": "classify-1", "data": rows})

    def _vllm_pooling(self, path: str, asked: Json, texts: list[str]) -> Reply:
        if path != "/pooling" or asked.get("task") != "classify":
            return _json({"detail": "Not Found"}, 404)
        reply = self._vllm("/classify", asked, texts)
        rows = json.loads(reply.body)["data"]
        return _json({"data": [{"index": row["index"], "data": row["probs"]} for row in rows]})

    def _sglang(self, path: str, asked: Json, texts: list[str]) -> Reply:
        if path == "/v1/classify":
            return _json({"data": [{"probs": [1.0]} for _ in texts]})
        adds = "text" in asked
        return _json(
            [
                {"embedding": [self._value(BOS + text if adds else text)], "meta_info": {}}
                for text in texts
            ]
        )

    def _tei(self, path: str, asked: Json, texts: list[str]) -> Reply:
        inputs = asked["inputs"]
        if len(inputs) == 2 and all(isinstance(each, str) for each in inputs):
            return _json([[{"label": "LABEL_0", "score": self._value(" ".join(inputs))}]])  # a pair
        values = [self._value(text) for text in texts]
        if not asked.get("raw_scores"):
            values = [1 / (1 + 2.718281828**-value) for value in values]
        return _json([[{"label": "LABEL_0", "score": value}] for value in values])

    def _infinity(self, path: str, asked: Json, texts: list[str]) -> Reply:
        rows = []
        for text in texts:
            good = 1 / (1 + 2.718281828 ** -self._value(text.strip()))
            both = [{"score": good, "label": "good"}, {"score": 1 - good, "label": "bad"}]
            rows.append(sorted(both, key=lambda row: -float(row["score"])))
        return _json({"object": "classify", "data": rows})

    def _openrlhf(self, path: str, asked: Json, texts: list[str]) -> Reply:
        assert len(asked["prompts"]) == len(texts)
        return _json({"rewards": [self._value(text) for text in texts]})

    def _nim(self, path: str, asked: Json, texts: list[str]) -> Reply:
        content = f"reward:{self._value(texts[0])!r}"
        return _json({"choices": [{"index": 0, "message": {"content": content}}]})

    def _hf_endpoint(self, path: str, asked: Json, texts: list[str]) -> Reply:
        assert asked["parameters"] == {"function_to_apply": "none", "top_k": None}
        return _json([[{"label": "LABEL_0", "score": self._value(text)}] for text in texts])

    def _told(self, path: str, headers: Mapping[str, str]) -> Reply:
        if self.profile == "tei" and path == "/info":
            return _json(
                {
                    "model_id": self.model, "model_sha": self.revision,
                    "max_input_length": 512, "max_client_batch_size": self.most or 32,
                    "max_concurrent_requests": 512,
                }
            )  # fmt: skip
        lists = {"infinity": "/models"}.get(self.profile, "/v1/models")
        if path == lists and self.profile not in ("tei", "openrlhf", "hf-endpoint"):
            if self.key and headers.get("authorization") != f"Bearer {self.key}":
                return _json({"error": "Unauthorized"}, 401)
            rows = [
                {"id": name, "root": "/models/rm", "max_model_len": 4096} for name in self.models
            ]
            return _json({"object": "list", "data": rows})
        return _json({"detail": "Not Found"}, 404)


def _is_text(asked: Json) -> bool:
    given = asked.get("input", [])
    return bool(given) and isinstance(given[0], str)


def _json(value: Json, status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(value).encode())


@dataclass
class InProcess:
    """A `Link` to a server in this process."""

    server: Imitation

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        return self.server.answer(method, path, headers, body)

    async def close(self) -> None:
        pass


@contextlib.contextmanager
def serving(server: Imitation) -> Iterator[str]:
    """The URL of the server behind a socket. A reset closes the connection; nothing is late."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            given = {name.lower(): value for name, value in self.headers.items()}
            try:
                reply = server.answer(self.command, self.path, given, body)
            except LinkError:
                self.close_connection = True
                return
            head = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
            self.wfile.write(
                f"HTTP/1.1 {reply.status} .\r\n{head}content-length: {len(reply.body)}\r\n\r\n"
                .encode() + reply.body
            )  # fmt: skip

        do_GET = do_POST = _do  # noqa: N815

        def log_message(self, *given: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    listening = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_address[1]}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
