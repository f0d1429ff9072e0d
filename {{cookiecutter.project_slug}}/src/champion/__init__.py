"""Only models that beat the current one get merged."""

__version__ = "0.1.0"
