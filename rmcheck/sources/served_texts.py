"""How a dialogue is formatted for a server: by the code that formats for a local model.

The template is what the user says, or else the chat template of the tokenizer that the user names,
or else the default. Token ids are sent where the server takes them and a tokenizer was named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from rmcheck.data import Dialogue
from rmcheck.data.dialogue import content_hash, later_formats
from rmcheck.data.template import TEMPLATE_FORMAT, conversation, render
from rmcheck.errors import SourceError, UsageError
from rmcheck.extras import needed_by
from rmcheck.remote.profile import Form, Input
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import FileHashes, ModelFiles, locate
from rmcheck.scoring.tokens import SCORER_FORMAT, Tokens, length_limit
from rmcheck.sources.layout import (
    DEFAULT,
    TOKENIZER_CONFIG,
    Layout,
    chat_file,
    is_chat,
    template_text,
)
from rmcheck.sources.served_settings import MESSAGES, ServedSettings

TOKENIZER_FILES = (
    "tokenizer*", "vocab*", "merges*", "special_tokens*", "added_tokens*", "chat_template*",
    "*.model", "*.tiktoken", "config.json",
)  # fmt: skip
"""Files that decide which tokens a text becomes."""


class Texts:
    """Formats dialogues for one server.

    Attributes
    ----------
    layout
        How, and where each setting comes from.
    form
        What is sent: text, token ids or messages.
    truncated
        How many dialogues were cut to the length limit.
    """

    def __init__(self, settings: ServedSettings, options: SourceOptions) -> None:
        self._settings = settings
        self._options = options
        self.layout = self._laid_out()
        self.form: Form = self._formed()
        self._refuse_unfit()
        self.limit = self.layout.max_length
        self._tokens: Tokens | None = None

    @property
    def truncated(self) -> int:
        """How many dialogues were cut to the length limit."""
        return int(self._tokens.truncated) if self._tokens is not None else 0

    @property
    def chat(self) -> bool:
        """Whether a chat template that is applied here writes the text."""
        return is_chat_text(self.layout.template)

    @property
    def special(self) -> bool:
        """Whether the server is to add special tokens to a text; a chat template writes them."""
        return not self.chat

    @property
    def remark(self) -> str:
        """What the user should know about a template that was not said; empty for one that was."""
        if self.layout.origins.get("template") != DEFAULT or self.form != "text":
            return ""
        return (
            "no template was given, so texts are sent with the default one (Human: …, "
            "Assistant: …); a model that was trained on a chat template needs "
            "tokenizer=FOLDER, or template=messages where the server formats conversations"
        )

    @cached_property
    def files(self) -> ModelFiles | None:
        """The folder of the tokenizer; None without one."""
        if not self._settings.tokenizer:
            return None
        try:
            return locate(self._settings.tokenizer, self._options.root)
        except SourceError as error:
            raise UsageError(f"{self._settings.spec}: tokenizer: {error}") from None

    def parts(self) -> tuple[object, ...]:
        """What of it belongs to a fingerprint; the limit is the one that is used."""
        named = content_hash(self.layout.text) if self.layout.text else self.layout.template
        scorer = SCORER_FORMAT if self.form == "ids" else 1
        formats = later_formats(template=TEMPLATE_FORMAT, scorer=scorer)
        return (self.form, named, self.layout.end, self.limit, *self._hashes, *formats)

    def use_limit(self, told: int | None) -> None:
        """Use the server's length limit where the user gave none; token ids are cut here."""
        if self.form == "ids" and self.layout.max_length is None:
            self.limit = told

    def inputs(self, dialogues: Sequence[Dialogue]) -> list[Input]:
        """The dialogues, ready to be sent.

        Raises
        ------
        SourceError
            If the chat template refuses one.
        """
        if self.form == "messages":
            return [
                Input(one.prompt, one.response, second=getattr(one, "second", ""))
                for one in dialogues
            ]
        if self.form == "ids":
            encoded = self.tokens.encode(dialogues)
            return [
                Input(one.prompt, one.response, ids=tuple(map(int, ids)))
                for one, ids in zip(dialogues, encoded, strict=True)
            ]
        return [Input(one.prompt, one.response, text=self._text(one)) for one in dialogues]

    @property
    def tokens(self) -> Tokens:
        """The `Tokens` that make token ids."""
        if self._tokens is None:
            name = "chat" if self.chat else self.layout.template
            limit = length_limit(None, self.tokenizer, self.limit)
            self._tokens = Tokens(self.tokenizer, name, limit, end=self.layout.end)
        return self._tokens

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer that the user named, with its chat template replaced by a Jinja file's."""
        files = self.files
        if files is None:
            return None
        with needed_by(f"{self._settings.spec} with tokenizer="):
            from rmcheck.scoring.loading import load_tokenizer

            found = load_tokenizer(files)
        if self.layout.text:
            found.chat_template = self.layout.text
        if self.chat and not found.chat_template:
            raise SourceError(
                f"{self._settings.spec}: template is 'chat', but the tokenizer has no chat "
                "template; use template default, or name a Jinja file"
            )
        if self.layout.end == "eos" and found.eos_token_id is None:
            raise SourceError(
                f"{self._settings.spec}: end is 'eos', but the tokenizer has no end token; use end "
                "none"
            )
        return found

    def _text(self, dialogue: Dialogue) -> str:
        try:
            if self.chat and self.layout.end == "template":
                return conversation(dialogue, self.tokenizer)
            name = "chat" if self.chat else self.layout.template
            text = render(dialogue, name, self.tokenizer if self.chat else None)
        except SourceError as error:
            raise SourceError(f"{dialogue.key or dialogue.hash}: {error}") from None
        if self.layout.end == "eos" and not text.endswith(self.tokenizer.eos_token):
            text += self.tokenizer.eos_token
        return text

    @property
    def _hashes(self) -> tuple[str, ...]:
        files = self.files
        if files is None:
            return ()
        if files.folder is None:
            return (files.name, files.revision or "")
        hashes, folder = FileHashes(self._options.cache), files.folder
        paths = {path for name in TOKENIZER_FILES for path in folder.glob(name) if path.is_file()}
        return (content_hash(*((path.name, hashes.of(path)) for path in sorted(paths))),)

    def _laid_out(self) -> Layout:
        settings = self._settings
        template, origin = settings.template, settings.said_in
        if settings.profile.forms == ("messages",):
            if template not in ("", MESSAGES):
                raise UsageError(
                    f"{settings.spec}: template: the server formats conversations itself; remove "
                    f"template={template}"
                )
            template = MESSAGES
            origin = f"profile {settings.profile_name}"
        if not template:
            named = chat_file(self._file) if settings.tokenizer else None
            template, origin = ("chat", named) if named else ("default", DEFAULT)
        end, end_origin = settings.end, settings.said_in
        if not end:
            chat = is_chat_text(template) or template == MESSAGES
            end, end_origin = ("template" if chat else "tokenizer"), DEFAULT
        text = ""
        if is_chat_text(template) and template != "chat":
            text = template_text(template, self._options.root)
        limit_origin = settings.said_in if settings.max_length else DEFAULT
        origins: Mapping[str, str] = {
            "template": origin,
            "end": end_origin,
            "max_length": limit_origin,
        }
        return Layout(
            template=template,
            end=end,
            max_length=settings.max_length,
            objective=settings.objective,
            text=text,
            origins=origins,
        )

    def _file(self, name: str) -> Path | None:
        files = self.files
        if files is None:
            return None
        if files.folder is not None:
            path = files.folder / name
            return path if path.is_file() else None
        with needed_by(self._settings.spec):
            from huggingface_hub import hf_hub_download
        try:
            return Path(hf_hub_download(files.name, name, revision=files.revision))
        except Exception:  # not there, or the hub cannot be reached and it was never downloaded
            return None

    def _formed(self) -> Form:
        if self.layout.template == MESSAGES:
            return "messages"
        takes_ids = "ids" in self._settings.profile.forms
        return "ids" if self._settings.tokenizer and takes_ids else "text"

    def _refuse_unfit(self) -> None:
        settings, mistakes = self._settings, []
        if self.form not in settings.profile.forms:
            mistakes.append(
                f"template: profile {settings.profile_name} does not take messages; use "
                "template chat with tokenizer=FOLDER, default or raw"
            )
        if self.chat and not settings.tokenizer:
            remedy = ", or template=messages" if MESSAGES in settings.profile.forms else ""
            mistakes.append(
                f"template: a chat template needs the tokenizer's files: tokenizer=FOLDER{remedy}"
            )
        if settings.tokenizer and not self.chat and self.form == "messages":
            mistakes.append("tokenizer: messages are formatted by the server; remove it")
        if self.layout.end == "template" and settings.end and not self.chat:
            mistakes.append("end: 'template' is for a chat template; remove it")
        chat_none = self.chat and settings.end in ("none", "template")
        eos = settings.end == "eos" and settings.tokenizer
        if settings.end and self.form != "ids" and not chat_none and not eos:
            mistakes.append(
                "end: needs tokenizer=FOLDER and a server that takes token ids (vllm, sglang); "
                "remove it"
            )
        if settings.max_length and self.form != "ids":
            mistakes.append(
                "max_length: texts are cut here only where token ids are sent: it needs "
                "tokenizer=FOLDER and a server that takes them (vllm, sglang); remove it"
            )
        if settings.tokenizer and self.files and self.files.folder is not None:
            names = (TOKENIZER_CONFIG, "tokenizer.json", "vocab.txt", "vocab.json")
            if not any((self.files.folder / name).is_file() for name in names):
                mistakes.append(f"tokenizer: {self.files.folder} has no tokenizer files")
        if mistakes:
            raise UsageError(f"{settings.spec}: {'; '.join(mistakes)}")


def is_chat_text(template: str) -> bool:
    """Whether a chat template that is applied here writes the text."""
    return template != MESSAGES and is_chat(template)
