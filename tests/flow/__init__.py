"""A GitHub that is all there: what is pushed to it is run by its workflows, until it is quiet."""

from .host import Host

__all__ = ["Host"]
