"""Tools for the .proto files: stubs, reference, lint."""
