"""Who may see what: identities, tokens, consent, the one scoped door to patient data, audit."""
