"""``python -m rabbench``."""

import sys

from rabbench.cli import main

if __name__ == "__main__":
    sys.exit(main())
