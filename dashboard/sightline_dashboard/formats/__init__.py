"""How times are written: sortable, in 24 hours, in UTC like everything that is stored."""
