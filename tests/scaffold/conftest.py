"""Every test here works on a project of its own, as those of the plugin do."""

from plugin.conftest import project

__all__ = ["project"]
