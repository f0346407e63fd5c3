"""Tables of the rules: what goes in, what comes out. Tested row by row, and shown in docs/clinical-rules.md."""
