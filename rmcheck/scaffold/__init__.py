"""The files of a new project and of a new domain. Existing files are never overwritten."""

from rmcheck.scaffold.benchmark import benchmark_form, benchmark_of
from rmcheck.scaffold.domain import new_domain
from rmcheck.scaffold.draft import Draft, Made
from rmcheck.scaffold.project import begin
from rmcheck.scaffold.student import Student

__all__ = ["Draft", "Made", "Student", "begin", "benchmark_form", "benchmark_of", "new_domain"]
