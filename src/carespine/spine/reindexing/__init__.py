"""Search parameters that come at run time: known to every process, and indexed by $reindex."""
