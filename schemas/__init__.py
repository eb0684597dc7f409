"""The ground that ingest, processors and sinks stand on: contracts, and nothing that acts."""
