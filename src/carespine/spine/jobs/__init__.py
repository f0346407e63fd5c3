"""Work that outlives its request: jobs in the database, taken up by whichever worker process is free."""
