"""The Silver models: how a micro-batch's events, or a snapshot, change a table."""
