"""What voipkit costs beside the carriers' plain SDKs: ``python -m benchmarks`` (see ``--help``)."""
