"""The ground of ingest, processors and sinks: contracts, limits, settings, positions."""
