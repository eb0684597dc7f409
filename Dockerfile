# Rollcall: one image for the gateway, the processors, the sinks and the command line.
# Everything comes from the package registry, each file with its hash; nothing is compiled.

FROM python:3.13.14-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv tools && python -m venv /opt/rollcall

COPY requirements.lock requirements-test.lock ./
RUN /opt/rollcall/bin/pip install --only-binary :all: --require-hashes -r requirements.lock
# What builds our own package is pinned in the other lock, and does not come along.
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements-test.lock > tools.lock \
    && tools/bin/pip install --only-binary :all: --require-hashes -r tools.lock

COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY ingest ingest
COPY processors processors
COPY sinks sinks
COPY deploy deploy
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
    && /opt/rollcall/bin/pip install --no-deps --no-index wheels/*.whl \
    && /opt/rollcall/bin/pip check \
    && /opt/rollcall/bin/rollcall --help > /dev/null

FROM python:3.13.14-slim
# The local stores belong here; a volume that is mounted takes over the owner.
RUN groupadd --gid 10001 rollcall \
    && useradd --uid 10001 --gid rollcall --no-create-home --shell /usr/sbin/nologin rollcall \
    && install --directory --owner rollcall --group rollcall /var/lib/rollcall
COPY --from=build /opt/rollcall /opt/rollcall
ENV PATH=/opt/rollcall/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ROLLCALL_STATE_FOLDER=/var/lib/rollcall/state
WORKDIR /var/lib/rollcall
USER 10001:10001
# No HEALTHCHECK: the port differs by stage.  docker-compose.yml has one for each.
ENTRYPOINT ["rollcall"]
CMD ["--help"]
