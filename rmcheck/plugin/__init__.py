"""The pytest plugin. `-p rmcheck.plugin` and the entry point find its hooks here.

Loaded in every pytest run of an environment that has rmcheck installed: nothing heavy is imported.
"""

from rmcheck.plugin.hooks import *  # noqa: F403
from rmcheck.plugin.hooks import _rmcheck_judge  # noqa: F401
