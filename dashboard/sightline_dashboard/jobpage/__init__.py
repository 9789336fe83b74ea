"""One job's page."""
