"""`python -m carespine` is the same as `carespine`."""

from carespine.cli import main

if __name__ == "__main__":
    main()
