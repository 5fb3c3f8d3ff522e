"""``python -m lazai``: the same verbs as the binary ``lazai``."""

import sys

from lazai._lazai import run_command


def main() -> int:
    return run_command(["lazai", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
