"""How Faust's consumer knows the right Kafka and proves who it is: as `schemas.kafka` says it."""

import ssl

import faust

from schemas.settings import Settings


def credentials(settings: Settings) -> faust.SSLCredentials | faust.SASLCredentials | None:
    """What Faust hands to aiokafka; None where Kafka is spoken to in the clear.

    Raises:
        OSError: a file of certificates cannot be read, or the key is not that of the certificate.
            Whoever asked Kafka before with librdkafka was told so in its words.
    """
    match settings.kafka_security:
        case "plaintext":
            return None
        case "ssl":
            return faust.SSLCredentials(_encryption(settings))
        case "sasl_plaintext":
            return _login(settings, None)
        case "sasl_ssl":
            return _login(settings, _encryption(settings))


def _login(settings: Settings, encryption: ssl.SSLContext | None) -> faust.SASLCredentials:
    return faust.SASLCredentials(
        username=settings.kafka_user,
        password=settings.kafka_password,
        mechanism=settings.kafka_mechanism,
        ssl_context=encryption,
    )


def _encryption(settings: Settings) -> ssl.SSLContext:
    """Checks the certificate and the name in it, by the operator's authorities or the system's."""
    context = ssl.create_default_context(cafile=settings.kafka_ca)
    # Python 3.13 wants more of an authority's certificate than librdkafka does: a Kafka that the
    # gateway and the sinks accept must not be refused by the worker alone.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if settings.kafka_certificate is not None:
        # Without a password Python would ask the terminal for that of a locked key, and wait.
        context.load_cert_chain(settings.kafka_certificate, settings.kafka_key, password="")
    return context
