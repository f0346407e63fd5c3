"""Signing in through an OpenID Connect provider: NHS login for patients, NHS CIS2 for staff."""
