"""What a run shall do, checked once at the door; inside there are no dicts."""
