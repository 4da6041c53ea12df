"""What every call passes: who calls, may they, how much at once, carry it out, what went wrong, one line in the log.

Knows no transport: gRPC, and whatever else takes calls, makes an `Invocation`, lets it through the `Door`, has the
`Runner` carry it out, and tells its caller the `Failure` in its own form.
"""
