"""Shipped settings, one YAML file per result that the documentation quotes."""
