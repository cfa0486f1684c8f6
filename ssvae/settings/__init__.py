"""Settings: YAML files and overrides, and the constructors' signatures as their schema."""
