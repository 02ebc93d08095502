"""Provenance: what credentials a file carries, whether they hold, who vouches for them, and what they do not prove."""
