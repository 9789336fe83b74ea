"""Rules over what queues and engines do, and who is told when one is broken."""
