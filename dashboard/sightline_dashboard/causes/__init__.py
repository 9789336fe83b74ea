"""The error inbox."""
