"""`python -m lgtrio` does what the command `lgtrio` does."""

import sys

from lgtrio.cli import main

if __name__ == "__main__":
    sys.exit(main())
