"""`ssvae launch`: train on several processes of this machine, and again after a crash."""

from __future__ import annotations

import click

EPILOG = """\b
Workers share each batch: losses and weights are those of one process, to
rounding. Worker 0 alone writes the run folder. When a worker dies, all of them
start again from the last checkpoint. SIGTERM and Ctrl-C are passed on, and the
state is kept. On several machines start `ssvae fit --strategy multiworker` on
each, with TF_CONFIG set (docs/several_devices.md).

\b
TensorFlow's servers of the workers listen on every interface, although their
addresses are those of 127.0.0.1, and ask for no password: whoever reaches their
ports reads and writes files as you. So nothing is started on a machine that has
other interfaces than loopback, unless --exposed says that the ports are closed
to others. Without root, and without a network to download from:
  unshare -rn sh -c 'ip link set lo up; exec ssvae launch -- fit ...'
Or by a firewall, on the ports that Linux gives away:
  iptables -I INPUT ! -i lo -p tcp --syn --dport 32768:60999 -j DROP
  ip6tables -I INPUT ! -i lo -p tcp --syn --dport 32768:60999 -j DROP

\b
Exit codes: 0; 1 and 2 as of the command, which are not tried again; 130 after
Ctrl-C and 143 after SIGTERM; that of the last worker to die when tries are up.

\b
Example:
  ssvae launch --workers 2 -- fit --dataset mnist --labels 100"""


@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes.")
@click.option(
    "--tries",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Starts before giving up.",
)
@click.option("--exposed", is_flag=True, help="Start although other machines may reach the workers' ports; see below.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- fit ...")
@click.pass_context
def launch(ctx: click.Context, workers: int, tries: int, exposed: bool, command: tuple[str, ...]) -> None:
    """Run `ssvae fit ...` in several processes that train together."""
    if command[0] != "fit":
        raise click.UsageError(f"only 'fit' trains on several workers, got {command[0]!r}: ssvae launch -- fit ...")
    import ssvae.distributed.launch as supervisor
    from ssvae.distributed import exposure

    exposure.check(exposed)
    again = [*command, *([] if {"--overwrite", "--resume"} & {*command} else ["--resume"])]
    first, later = (supervisor.this_command(words) for words in (command, again))
    ctx.exit(supervisor.launch(first, later, workers, tries, lambda line: click.echo(line, err=True)))
