"""Certificates of other people's servers."""

import ssl
from functools import cache

import httpcore


@cache
def client_context() -> ssl.SSLContext:
    """Checks against certifi's list, which httpx and httpcore ship with; reading it takes a while, so once."""
    return httpcore.default_ssl_context()
