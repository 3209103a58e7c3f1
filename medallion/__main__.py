"""``python -m medallion`` is the command ``medallion``."""

from medallion.cli import entry_point

if __name__ == "__main__":
    entry_point()
