"""PostgreSQL: the embedded server, migrations, resources and their versions, the search index."""
