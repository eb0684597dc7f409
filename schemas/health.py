"""What a process says of its readiness; `deploy.health` tells it to whoever asks."""

from collections.abc import Callable


class Health:
    """Handed to a stage when it starts; read by another thread, so reading must never wait."""

    def __init__(self) -> None:
        self.why_not_ready: Callable[[], str | None] = _starting
        """Says in a sentence why work cannot be done just now; None while it can.

        A stage puts its own in this place as soon as it knows more.
        """


def _starting() -> str:
    return "The process is starting."
