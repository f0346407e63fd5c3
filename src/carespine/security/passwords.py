"""What a password must be: long, and not one that everybody guesses first."""

from __future__ import annotations

from carespine.kernel.errors import Invalid

# OWASP ASVS 5.0, 6.2.1 and 6.2.9: at least 8 characters, 15 recommended; at least 64 must be possible. Ours: 12.
SHORTEST = 12
LONGEST = 256
# OWASP ASVS 5.0, 6.2.4: not among the most used. These are what is left of the usual lists from 12 characters on.
_GUESSED = frozenset(
    {
        "123456789012",
        "1234567890123",
        "administrator",
        "changemenow1",
        "iloveyou1234",
        "letmein12345",
        "password1234",
        "password12345",
        "passwordpassword",
        "qwerty123456",
        "qwertyuiop12",
        "welcome12345",
    }
)
_FEWEST_DIFFERENT = 5


def demand(password: str, username: str) -> None:
    """Raise Invalid, with the reason, where the password will not do."""
    plain = password.casefold()
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(f"A password has {SHORTEST} to {LONGEST} characters.")
    if "\x00" in password:
        raise Invalid("A password holds no U+0000.")
    if plain in _GUESSED or len(set(plain)) < _FEWEST_DIFFERENT:
        raise Invalid("This password is one of the first that anybody would guess.")
    if username and username.casefold() in plain:
        raise Invalid("A password does not hold the user name.")
