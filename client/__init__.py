"""The Python client and the `stead` command line: one gRPC client among others.

`client.connection.Stead` is the client, `client.config.load` finds its configuration, `client.errors` is what they
raise.
"""
