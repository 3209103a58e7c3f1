"""May it go on: chunks are checked against the log, rows against the rules, and what fails is set aside with its reason."""
