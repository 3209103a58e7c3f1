"""For your tests and ours: the oracle, contract suites for plug-ins, clocks and servers that do what they are told."""
