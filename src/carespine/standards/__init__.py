"""The open minimum standards: checks anyone can run, certificates that open the platform."""
