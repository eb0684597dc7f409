"""What can be wrong with a local stack."""


class StackError(Exception):
    """A part of the local stack cannot be had; the sentence says why and what to do."""
