"""The gRPC edge: translates, has the gate carry one use case out, translates back. Nothing is decided here."""
