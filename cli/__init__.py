"""The command line: one file a command, each of them options, one library call, print."""

if __name__ != "ssvae.cli":
    # The folder is installed as ssvae.cli; imported under its folder's name it would be a second copy of everything.
    raise ImportError(f"this package is ssvae.cli, not {__name__}: use `import ssvae.cli`, after `pip install -e .`")
