"""Trying a model out: a form, a real job on the queue, the drawn result."""
