"""`python -m rmcheck`: the same as the command."""

import sys

from rmcheck.cli import main

if __name__ == "__main__":
    sys.exit(main())
