"""A served model in a run's record: which server gave the scores, and what it took to get them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from rmcheck.wording import counted


class JudgeRecord(BaseModel):
    """How a language model behind a server judges.

    `mode` is `score` (each response by itself) or `pairwise` (two in both orders); `prompt` is
    `default` or the path of the user's template, and `prompt_hash` that of its content. `read_as`
    is what a score is: `expected grade` or `log-odds` (from log-probabilities), `grade` or `votes`
    (from the answer alone); empty if the server could not be asked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: str
    prompt: str
    prompt_hash: str
    read_as: str = ""

    def __str__(self) -> str:
        read = f", read as {self.read_as}" if self.read_as else ""
        return f"mode {self.mode}, prompt {self.prompt} {self.prompt_hash[:8]}{read}"


class ServedRecord(BaseModel):
    """The server of a source.

    `profile` is how it was asked, `server` its URL, `model` the model's name there and `revision`
    the revision of the weights, as the server told it or the user (empty: neither). `form` is what
    was sent of a dialogue: `text`, `ids` or `messages`; `length` is the limit to which token ids
    were cut (None: they were not). `judge` is how a language model judges (None: a reward model).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str
    server: str
    model: str = ""
    revision: str = ""
    form: str = "text"
    length: int | None = None
    judge: JudgeRecord | None = None

    def __str__(self) -> str:
        model = f"model {self.model}" if self.model else "its model"
        revision = f" at {self.revision[:12]}" if self.revision else ", revision not told"
        if self.judge is not None:
            return f"{model}{revision}, served by {self.server}, as judge ({self.judge})"
        sent = {"ids": "token ids", "messages": "messages"}.get(self.form, "texts")
        return f"{model}{revision}, served by {self.server} (profile {self.profile}, as {sent})"


class RequestsRecord(BaseModel):
    """Requests for scores: how many were sent, repeated after a failure, and split in two."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sent: int = 0
    retried: int = 0
    split: int = 0

    def __str__(self) -> str:
        more = [f"{self.retried:,} repeated"] if self.retried else []
        more += [f"{self.split:,} split"] if self.split else []
        return ", ".join([counted(self.sent, "request"), *more])

    def __add__(self, other: RequestsRecord) -> RequestsRecord:
        return RequestsRecord(
            sent=self.sent + other.sent,
            retried=self.retried + other.retried,
            split=self.split + other.split,
        )
