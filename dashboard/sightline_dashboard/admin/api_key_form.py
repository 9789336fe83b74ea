"""The form of a new API key."""

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from sightline.kinds.registry import KINDS
from sightline.tenants.keys import SCOPES
from sightline.tenants.models import ApiKey


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    kinds = forms.MultipleChoiceField(
        choices=[(kind, kind) for kind in KINDS],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What the key may submit; none ticked: everything.",
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in sorted(SCOPES)],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None ticked: read and submit. admin may pause queues and drain groups.",
    )

    class Meta:
        model = ApiKey
        fields = ("tenant", "name", "kinds", "scopes", "expires_at")

    def _post_clean(self) -> None:
        """Nothing to check against the model: the row is made by the service, which adds what the form lacks."""
