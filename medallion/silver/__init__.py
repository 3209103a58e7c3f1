"""What it means: events folded by key, merged into Delta tables; the same table in whatever order they came."""
