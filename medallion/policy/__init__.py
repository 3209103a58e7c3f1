"""When to repeat, to wait, to give up: pure decisions, used by storage and prefetch alike."""
