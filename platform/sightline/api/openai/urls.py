"""The OpenAI-compatible API, below `/v1/`."""

from django.urls import path

from sightline.api.openai.batches import BatchCancelView, BatchesView, BatchView
from sightline.api.openai.chat import ChatCompletionsView, ChatCompletionView
from sightline.api.openai.files import FileContentView, FilesView, FileView
from sightline.api.openai.models import ModelsView, ModelView
from sightline.api.openai.responses import (
    ResponseCancelView,
    ResponseInputView,
    ResponsesView,
    ResponseView,
)

urlpatterns = [
    path("models", ModelsView.as_view(), name="openai-models"),
    path("models/<str:model>", ModelView.as_view(), name="openai-model"),
    path("chat/completions", ChatCompletionsView.as_view(), name="openai-chat"),
    path("chat/completions/<str:completion_id>", ChatCompletionView.as_view(), name="openai-completion"),
    path("responses", ResponsesView.as_view(), name="openai-responses"),
    path("responses/<str:response_id>", ResponseView.as_view(), name="openai-response"),
    path("responses/<str:response_id>/cancel", ResponseCancelView.as_view(), name="openai-response-cancel"),
    path(
        "responses/<str:response_id>/input_items", ResponseInputView.as_view(), name="openai-response-input"
    ),
    path("files", FilesView.as_view(), name="openai-files"),
    path("files/<str:file_id>", FileView.as_view(), name="openai-file"),
    path("files/<str:file_id>/content", FileContentView.as_view(), name="openai-file-content"),
    path("batches", BatchesView.as_view(), name="openai-batches"),
    path("batches/<str:batch_id>", BatchView.as_view(), name="openai-batch"),
    path("batches/<str:batch_id>/cancel", BatchCancelView.as_view(), name="openai-batch-cancel"),
]
