"""Who did what to the platform: an append-only record of what operators change."""
