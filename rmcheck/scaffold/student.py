"""What a suite says of its own model, and of the teacher that the model learned from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from rmcheck.scaffold.project import teacher_check


@dataclass(frozen=True)
class Student:
    """The model that a suite is for.

    Attributes
    ----------
    source
        Its spec; None: that of the run.
    teacher
        The spec of its teacher; None without one.
    """

    source: str | None = None
    teacher: str | None = None

    def added(self, suite: str) -> str:
        """The text of a suite, with its `source` after its data and a check of the teacher."""
        if self.source is not None:
            line = f"source: {json.dumps(self.source)}   # this suite's own model, in place of --rm"
            suite = re.sub(r"(?m)^data: .*$", lambda data: f"{data[0]}\n{line}", suite, count=1)
        if self.teacher is not None:
            suite += teacher_check(self.teacher)
        return suite
