"""The Python client and the `stead` command line: one gRPC client among others."""
