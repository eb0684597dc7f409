"""What can be wrong with an installation."""


class InstallationError(RuntimeError):
    """Kafka or Postgres is away, or is not what this installation needs.

    The text is one sentence that says what to do.
    """


class NotAcceptedError(RuntimeError):
    """What an operator asked for does not fit how things are; nothing was changed.

    The text is one sentence that says why.
    """
