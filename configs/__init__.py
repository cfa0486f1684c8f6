"""Shipped settings, one YAML file per result that the README quotes."""
