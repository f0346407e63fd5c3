"""Health Connect: the database that Android exports, and the JSON of apps that read it out."""
