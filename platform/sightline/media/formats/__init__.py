"""One file a format: its header is read and its structure walked, without decoding a pixel."""
