"""The OpenAI-compatible API, below `/v1/`."""

from django.urls import path

from sightline.api.openai.chat import ChatCompletionsView, ChatCompletionView
from sightline.api.openai.models import ModelsView, ModelView

urlpatterns = [
    path("models", ModelsView.as_view(), name="openai-models"),
    path("models/<str:model>", ModelView.as_view(), name="openai-model"),
    path("chat/completions", ChatCompletionsView.as_view(), name="openai-chat"),
    path("chat/completions/<str:completion_id>", ChatCompletionView.as_view(), name="openai-completion"),
]
