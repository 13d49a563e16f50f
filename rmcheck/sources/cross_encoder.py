"""Cross-encoders of sentence-transformers: how their files say that they read two texts.

Facts from sentence-transformers 6.2.0 (cross_encoder/model.py, base/model.py): since version 4
config.json has a key `sentence_transformers` with `activation_fn`, before that
`sbert_ce_default_activation_function`; later versions also write
config_sentence_transformers.json (`model_type`, `activation_fn`, `prompts`), modules.json, and
sentence_bert_config.json with `max_seq_length`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rmcheck.errors import SourceError
from rmcheck.scoring.model_json import CONFIG, Find, content, mapping
from rmcheck.wording import listed

FAMILY = "config_sentence_transformers.json"
LIMITS = "sentence_bert_config.json"
MODULES = "modules.json"
KEYS = ("sentence_transformers", "sbert_ce_default_activation_function")


@dataclass(frozen=True)
class CrossEncoder:
    """What the files of a cross-encoder say.

    Attributes
    ----------
    file
        The file that shows that it is one.
    max_length
        Tokens at most; None: not said.
    activation
        The function that its library applies to the logits; empty: not said.
    prompt
        The name of a prompt that its library puts before each text; empty for none.
    modules
        What its library computes after the model.
    """

    file: str
    max_length: int | None = None
    activation: str = ""
    prompt: str = ""
    modules: tuple[str, ...] = ()

    @property
    def remark(self) -> str:
        """How its rewards differ from what its library returns."""
        name = self.activation.rpartition(".")[2] or "Sigmoid, its default"
        return (
            f"cross-encoder ({self.file}): the reward is the raw logit; the activation of "
            f"sentence-transformers ({name}) is not applied"
        )

    def refuse_unread(self, spec: str, *, asked: bool) -> None:
        """Refuse what would be left out.

        Raises
        ------
        SourceError
            For modules after the model, and for a prompt before the texts unless a template was
            `asked` for.
        """
        if self.modules:
            raise SourceError(
                f"{spec}: {MODULES} has {listed(self.modules)} after the model, and only the head "
                "of a sequence-classification model can be read; compute its scores and give them "
                "as a file (scores:FILE)"
            )
        if self.prompt and not asked:
            raise SourceError(
                f"{spec}: {FAMILY} puts the prompt {self.prompt!r} before each pair, which is not "
                "supported; leave it out with template=pair, or name a Jinja file"
            )


def cross_encoder(find: Find) -> CrossEncoder | None:
    """What a model's files say; None unless it is a cross-encoder.

    `find` gives the path of a file of the model by its name.
    """
    config = mapping(find(CONFIG))
    own = config.get(KEYS[0])
    family = mapping(find(FAMILY))
    if isinstance(own, dict) or config.get(KEYS[1]) is not None:
        file = CONFIG
    elif family.get("model_type") == "CrossEncoder":
        file = FAMILY
    else:
        return None
    said = own if isinstance(own, dict) else {}
    activations = (said.get("activation_fn"), config.get(KEYS[1]), family.get("activation_fn"))
    limit = mapping(find(LIMITS)).get("max_seq_length")
    return CrossEncoder(
        file,
        limit if isinstance(limit, int) and limit > 0 else None,
        next((name for name in activations if isinstance(name, str)), ""),
        str(family.get("default_prompt_name") or ""),
        _after(find(MODULES)),
    )


def _after(path: Path | None) -> tuple[str, ...]:
    """The names of the modules after the transformer."""
    modules = content(path)
    types = [
        str(each.get("type", "")).rpartition(".")[2]
        for each in (modules if isinstance(modules, list) else [])
        if isinstance(each, dict)
    ]
    return tuple(name for name in types if name != "Transformer")
