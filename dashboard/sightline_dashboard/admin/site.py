"""Our page in place of the list of models that Django shows as the admin's home."""

from django.contrib import admin

admin.site.index_template = "sightline_dashboard/home/page.html"
admin.site.index_title = "Now"
