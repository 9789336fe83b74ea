"""From failures to their causes, and acts on many jobs at once."""
