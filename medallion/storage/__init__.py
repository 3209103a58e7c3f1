"""The floor: files under a root on any store, created at most once, behind one small Protocol."""
