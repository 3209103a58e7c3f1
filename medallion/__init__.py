"""What a source says lands as checksummed Bronze chunks and becomes correct Silver tables, exactly once.

The folders are the flow, in order of import; a module imports only what stands before it:

    errors clock events     what can go wrong, what time it is, what has happened
    config policy           what a run shall do; when to retry, to wait, to give up
    schema layout spark     the types of a table; where everything lives; the session
    storage                 the floor: files on any store, created at most once
    source                  what to ask for
    prefetch                asked, many at a time
    bronze                  what came back, kept: chunks with checksums, and the log that makes them true
    gate                    what may go on
    silver                  what it means: folded by key, merged into Delta
    observe                 who listens
    pipeline plan status    the flow as functions, and the ways to look at it
    cli                     the command line

Nothing is re-exported here: the import path is the documentation.
"""

__version__ = "0.1.0"
