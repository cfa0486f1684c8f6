"""The command `ssvae`, as `python -m ssvae`."""

from ssvae.cli.main import main

if __name__ == "__main__":
    main(prog_name="ssvae")
