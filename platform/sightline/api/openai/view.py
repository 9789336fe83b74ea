"""What the views of `/v1` share."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from sightline.api.native.view import NativeView
from sightline.api.openai.errors import render


class OpenAIView(NativeView):
    """A view of `/v1`: keys and scopes as in the native API, errors in OpenAI's form."""

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], HttpResponse]:
        return render

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        # OpenAI's clients send a request again after any 409 or 5xx. Only what may pass next time should be.
        if final.status_code >= 400 and final.status_code not in (408, 429, 503):
            final.headers["X-Should-Retry"] = "false"
        return final
