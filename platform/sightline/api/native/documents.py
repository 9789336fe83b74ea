"""What the OpenAPI document says about each operation."""
create = listing = read = erase = cancel = retry = explain = media = upload = queue = queue_patch = lambda f: f
