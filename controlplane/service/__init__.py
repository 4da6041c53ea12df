"""Use cases: `(state, call, request) -> (Change, Result)`, or a domain error. Pure: no I/O, clock or randomness.

`Result` is made of ids and other JSON values; the reply is made from it and the state, at first and when the call is
repeated. One module per resource.
"""
