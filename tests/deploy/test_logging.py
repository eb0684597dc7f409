"""What Kafka's clients say again and again while they are refused is logged now and then."""

import logging

from deploy.logging import _Seldom


def record(name: str, template: str, *details: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, __file__, 1, template, details, None)


def test_a_client_that_tries_again_and_again_says_so_once() -> None:
    seldom = _Seldom()
    refused = "Unable connect to node with id %s: %s"
    said = [seldom.filter(record("aiokafka", refused, 1, number)) for number in range(3)]
    assert said == [True, False, False]
    assert seldom.filter(record("aiokafka", "Unable to update metadata from %s", [1]))
    assert seldom.filter(record("rollcall.kafka", refused, 1, 0))


def test_nobody_else_is_cut_short() -> None:
    seldom = _Seldom()
    assert [seldom.filter(record("sinks.ending", "it ends")) for _ in range(2)] == [True, True]
