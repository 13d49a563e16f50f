"""The files of a new project and of a new domain. Existing files are never overwritten."""

from rmcheck.scaffold.domain import new_domain
from rmcheck.scaffold.draft import Draft, Made
from rmcheck.scaffold.project import begin

__all__ = ["Draft", "Made", "begin", "new_domain"]
