"""Believable data for development and screenshots."""
