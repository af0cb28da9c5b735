"""Workers for graphs whose questions look after themselves; every run that they had is replayed in the end."""

from tests.server.conftest import Serve, serve

__all__ = ["Serve", "serve"]
