"""The gRPC edge: translates, hands one use case to the engine, translates back. Nothing is decided here."""
