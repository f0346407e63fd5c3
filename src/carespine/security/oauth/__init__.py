"""The authorisation server: Authlib's grants over rows that were read before and are written after."""
