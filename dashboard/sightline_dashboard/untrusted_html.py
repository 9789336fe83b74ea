"""HTML that a model wrote, shown in a frame that can do nothing.

Three locks, each enough: the frame's `sandbox` attribute, the response's own `sandbox` policy (which also holds
when somebody opens the address directly), and a policy without scripts and without requests.
"""

from django.http import HttpResponse

from sightline_dashboard.csp import UNTRUSTED


def framed(text: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/html; charset=utf-8")
    response["Content-Security-Policy"] = UNTRUSTED
    response["X-Frame-Options"] = "SAMEORIGIN"  # our own page frames it
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"
    return response
