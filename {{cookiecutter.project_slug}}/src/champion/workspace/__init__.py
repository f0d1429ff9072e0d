"""The folder on this machine: environment, remote, hooks. Standard library only: set-up runs first."""
