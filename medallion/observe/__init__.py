"""Who listens: progress for a person, lines of JSON for a machine."""
