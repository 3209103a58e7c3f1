"""Keep what came back: records become chunks with checksums, and a log entry makes them true."""
