"""What cannot be executed, and what fails while it is."""


class Refused(Exception):
    """The workflow cannot be executed here, or GitHub would not start it: one sentence."""


class Failed(Exception):
    """A step fails: what GitHub's log would say."""


class Lost(Exception):
    """The runner is gone: nothing more of the job happens."""
