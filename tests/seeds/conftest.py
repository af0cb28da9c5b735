"""The worker of the server tests, for these programs too."""

from tests.server.conftest import serve

__all__ = ["serve"]  # a fixture: pytest finds it here
