"""Forty strings that try to be something else than text, and a run that is made of them."""

from __future__ import annotations

from rmcheck.record.history import HistorySource, line_of
from rmcheck.record.run import (
    BaselineRecord,
    EnvironmentRecord,
    SourceRecord,
    StepRecord,
    TableRecord,
)
from rmcheck.report import PairTexts, ReportInput

from . import builder as build

PWN = "document.documentElement.dataset.pwned=1"

STRINGS = [
    f"</script><img src=x onerror={PWN}>",
    f"<script>{PWN}</script>",
    f"<img src=x onerror={PWN}>",
    f"<svg onload={PWN}>",
    f"<svg><script>{PWN}</script></svg>",
    f"</title><script>{PWN}</script>",
    f"</style><script>{PWN}</script>",
    f"</textarea><script>{PWN}</script>",
    f"</template><script>{PWN}</script>",
    f"</desc></svg><img src=x onerror={PWN}>",
    f"--><script>{PWN}</script><!--",
    f"<!--<script>{PWN}//--></script>",
    f"]]><script>{PWN}</script>",
    f'" onmouseover="{PWN}" x="',
    f"' onfocus='{PWN}' autofocus='",
    f"x onclick={PWN}",
    f'"><script>{PWN}</script>',
    f"javascript:{PWN}",
    f'#" onclick="{PWN}',
    f"<a href=javascript:{PWN}>x</a>",
    f"<iframe srcdoc='<script>parent.{PWN}</script>'>",
    f"<details open ontoggle={PWN}>",
    f"<style>@import 'javascript:{PWN}';</style>",
    f"<base href='https://example.invalid/'><script>{PWN}</script>",
    f"<meta http-equiv=refresh content='0;url=javascript:{PWN}'>",
    f"<form action=javascript:{PWN}><button>x",
    f"{{{{ 7*7 }}}}{{% raw %}}<script>{PWN}</script>",
    f"${{{PWN}}}",
    f"`-{PWN}-`",
    f"\\u003cscript\\u003e{PWN}\\u003c/script\\u003e",
    f"&lt;script&gt;{PWN}&lt;/script&gt;",
    f"&#60;img src=x onerror={PWN}&#62;",
    f"%3Cscript%3E{PWN}%3C/script%3E",
    f"\x00<\x00script>{PWN}</script>",
    f"\u2028{PWN}\u2029",
    "\ud800\udfff \ufffe \uffff",
    "\x1b[2J\x1b]0;title\x07\r\n\x08\x7f\x9b31m",
    "\u202egnp.exe\u202c \u2066x\u2069",
    "__proto__",
    "a&b=c#d?e=f+g/h\\i%20j%zz::k|l\n\n# m\n\n- n " + "w" * 500,
]


def report() -> ReportInput:
    """A run in which every name, tag, path, message and text is one of the forty."""
    scores, before, texts = [], [], {}
    for index, text in enumerate(STRINGS):
        suite = STRINGS[index % 3]
        scores.append(
            build.score(text, 0, 1 + index, suite=suite, tags=[text], content=f"h{index}")
        )
        before.append(build.score(text, 2, 1, suite=suite, tags=[text], content=f"h{index}"))
        texts[f"h{index}"] = PairTexts(text, text, text)
    suites = []
    for each in range(3):
        name = STRINGS[each]
        checks = [
            build.failed(
                text,
                name,
                kind=text,
                message=text,
                signature=text,
                criterion={text: text},
                evidence=build.evidence(
                    pictures=[
                        build.picture(text, {text: text}, text),
                        build.picture(
                            "forest",
                            {
                                "rows": [{"label": text, "value": 0.5, "low": 0.4, "high": 0.6}],
                                "x_label": text,
                                "threshold": 0.5,
                                "threshold_label": text,
                            },
                            text,
                        ),
                        build.picture(
                            "heat_map",
                            {"rows": [text], "columns": [text], "values": [[0.5]], "label": text},
                            text,
                        ),
                        build.picture(
                            "scatter",
                            {"points": [[0, 1, "newly_wrong", text], [1, 0, text, text]]},
                            text,
                        ),
                    ],
                    tables=[TableRecord(title=text, columns=[text], rows=[[text]])],
                    pairs=[text],
                    notes=[text],
                    counterexamples=[
                        build.counterexample(
                            title=text,
                            key=text,
                            promise=text,
                            prompt=text,
                            before=text,
                            after=f"{text} {text}",
                            after_prompt=f"{text}{STRINGS[-index]}",
                            repeat=text,
                            steps=[StepRecord(label=text, text=text[::-1], score=1.0)],
                        )
                    ],
                ),
            )
            for index, text in enumerate(STRINGS[each::3])
        ]
        suites.append(
            build.suite(
                *checks,
                name=name,
                path=name,
                description=STRINGS[each + 3],
                tags=[STRINGS[each + 6]],
                slices={text: build.estimate() for text in STRINGS[each::9]},
                controls={text: build.estimate() for text in STRINGS[each::11]},
            )
        )
    record = build.record(
        *suites,
        command=STRINGS[0],
        started=STRINGS[1],
        source=SourceRecord(spec=STRINGS[2], fingerprint=STRINGS[3]),
        baseline=BaselineRecord(name=STRINGS[0], fingerprint=STRINGS[4]),
        environment=EnvironmentRecord(python=STRINGS[5], platform=STRINGS[6]),
        training=[build.training(recipe=STRINGS[7])],
    )
    past = [
        line_of(record).model_copy(
            update={
                "started": f" {index}{STRINGS[index]}",  # sorts before every other
                "source": HistorySource(spec=STRINGS[index], fingerprint=STRINGS[index]),
                "commit": STRINGS[index],
            }
        )
        for index in range(len(STRINGS))
    ]
    return ReportInput(record, scores, (record, before), texts, past)
