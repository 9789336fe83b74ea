"""Two answers side by side: how far apart clicks, boxes, texts and times are. Pure: no database, no pixels."""
