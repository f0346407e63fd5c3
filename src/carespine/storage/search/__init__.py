"""Search: a parsed query becomes SQL over the index, and a page of rows comes back."""

from carespine.storage.search.pages import Page, run, run_across

__all__ = ["Page", "run", "run_across"]
