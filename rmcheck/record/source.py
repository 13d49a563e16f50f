"""The reward source of a run: how it was asked for, and what its scores depend on."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rmcheck.record.served import ServedRecord
from rmcheck.spec import Spec, redacted


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Printed = Annotated[str, AfterValidator(redacted)]
"""A spec without the secrets in it."""


class SourceRecord(_Model):
    """The reward source of a run: how it was asked for and what its scores depend on.

    `template`, `max_length` (None: the model's own), `pooling` and `dtype` say how a model is
    given a dialogue; all None for a source that cannot tell, such as a score file. `end` is what
    is read after the response, `objective` which of several outputs is the reward (empty for one),
    `trust_remote_code` whether the Python code of the model's folder was run, `quantize` what its
    layers were quantised to when it was loaded (empty: nothing), and `origins` says where each of
    these settings comes from (the spec, a file, or `default`). `reference` and `beta` belong to a
    policy: the model that it is compared with, and the factor of their log-ratio. `served` is the
    server of a model behind one.
    `recipe` has the settings of a recipe by key (`seed`, `label_noise.rate`); empty for other
    sources, and in records of version 0.1. `members` are the sources that an ensemble is made of.
    """

    spec: Printed
    fingerprint: str | None = None
    template: str | None = None
    max_length: int | None = None
    pooling: str | None = None
    end: str | None = None
    objective: str = ""
    trust_remote_code: bool = False
    reference: Printed = ""
    beta: float | None = None
    quantize: str = ""
    served: ServedRecord | None = None
    origins: dict[str, str] = Field(default_factory=dict)
    dtype: str | None = None
    recipe: dict[str, Any] = Field(default_factory=dict)
    members: list[SourceRecord] = Field(default_factory=list)

    @property
    def reading(self) -> str:
        """How the model is given a dialogue and where that was said; empty for other sources.

        >>> SourceRecord(spec="hf:a", template="chat", end="template", pooling="last",
        ...              origins={"template": "chat_template.jinja"}).reading
        'template chat (chat_template.jinja), end template, max_length of the model, pooling last'
        """
        if self.members:
            return "; ".join(f"{one.spec}: {one.reading}" for one in self.members if one.reading)
        if self.served is not None and self.served.judge is not None:
            return str(self.served)
        if self.template is None:
            return ""
        values = {
            "template": self.template,
            "end": self.end or "none",
            "max_length": "of the model" if self.max_length is None else str(self.max_length),
            **(
                {"pooling": self.pooling or "last"} if self.beta is None and not self.served else {}
            ),
            **(
                {} if self.beta is None else {"reference": self.reference, "beta": f"{self.beta:g}"}
            ),
            **({"objective": self.objective} if self.objective else {}),
            **({"trust_remote_code": "true"} if self.trust_remote_code else {}),
            **({"quantize": self.quantize} if self.quantize else {}),
        }
        said = ", ".join(
            f"{key} {value}" + (f" ({self.origins[key]})" if self.origins.get(key) else "")
            for key, value in values.items()
        )
        return f"{said}; {self.served}" if self.served else said

    @property
    def kind(self) -> str:
        """What is before the colon of the spec; for a path and a source file, the kind of model."""
        kind = "http" if self.served else Spec.parse(self.spec).kind
        if self.served is not None and self.served.judge is not None:
            kind = "judge"
        if kind in ("", "source"):
            return "hf" if self.beta is None else "dpo"
        return kind

    def reads_unlike(self, other: SourceRecord) -> str:
        """How this source formats texts differently from `other`; empty where they can be compared.

        Sources of different kinds have different templates, and a source without a template is
        always comparable. Another pooling is another model, so pooling is not compared,
        and neither is `quantize`: what it costs is what such a comparison is for.

        >>> new, old = (SourceRecord(spec="hf:a", template=name) for name in ("chat", "default"))
        >>> new.reads_unlike(old)
        "template 'chat', not 'default'"
        """
        if self.kind != other.kind or None in (self.template, other.template):
            return ""
        return "; ".join(
            f"{name} {_shown(mine)}, not {_shown(theirs)}"
            for name, mine, theirs in (
                ("template", self.template, other.template),
                ("max_length", self.max_length, other.max_length),
                ("end", self.end, other.end),
            )
            if mine != theirs and not (name == "end" and None in (mine, theirs))
        )


def _shown(value: str | int | None) -> str:
    return "the model's own" if value is None else repr(value)
