"""What can be wrong with an installation."""


class InstallationError(RuntimeError):
    """Kafka or Postgres is away, or is not what this installation needs.

    The text is one sentence that says what to do.
    """
