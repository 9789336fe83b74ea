"""The home page: what is going on now."""
