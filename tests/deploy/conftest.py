"""What several tests of deployment need."""

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient

from deploy.local.stack import Stack
from tests.deploy.broker import Broker


@pytest.fixture(scope="module")
def broker(stack: Stack) -> Iterator[Broker]:
    """Whoever administers the Kafka of the test run."""
    with AdminClient({"bootstrap.servers": stack.kafka}) as admin:
        yield Broker(admin)
