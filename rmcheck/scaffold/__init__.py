"""The files that a project begins with, and those of a new domain. Nothing is ever overwritten."""

from rmcheck.scaffold.domain import new_domain
from rmcheck.scaffold.draft import Draft, Made
from rmcheck.scaffold.project import begin

__all__ = ["Draft", "Made", "begin", "new_domain"]
