"""Images: guarded at the door, normalised once, stored under their content's digest."""
