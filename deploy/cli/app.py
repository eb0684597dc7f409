"""The command line: every command on one screen."""

import sys

import typer

from deploy.cli import (
    api_key,
    audit,
    dead_letters,
    directory,
    doctor,
    domain,
    hold,
    mapping,
    members,
    plumbing,
    policy,
    positions,
    role,
    session,
    simulate,
    stages,
    tenant,
    token,
    up,
    workspace,
)
from deploy.cli.errors import exit_code

app = typer.Typer(
    name="rollcall",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Directory sync: what a customer's IdP says becomes roles, workspaces and revoked"
    " sessions.\n\nExample: rollcall demo",
    epilog="Commands find the gateway by ROLLCALL_URL and ROLLCALL_ADMIN_TOKEN. All of them:"
    " docs/cli.md.",
)
TRY, RUN, SET, SEE = "See it work", "Run it", "Set it up", "Look inside"
MEND = "Put it right"

for command in (up.demo, up.up, simulate.simulate):
    app.command(rich_help_panel=TRY)(command)
for command in (stages.gateway, stages.processors, stages.sinks):
    app.command(rich_help_panel=RUN)(command)
for name, noun, what in (
    ("topics", plumbing.topics, "Make the Kafka topics."),
    ("db", plumbing.db, "Make the Postgres tables."),
):
    app.add_typer(noun, name=name, help=what, rich_help_panel=RUN)
for name, noun, what in (
    ("tenant", tenant.app, "Open and list tenants: your customers."),
    ("role", role.app, "Set and list what members can be."),
    ("workspace", workspace.app, "Make and list what members work in."),
    ("directory", directory.app, "Make, assign, set, end and list the links to IdPs."),
    ("token", token.app, "Make, list and revoke what IdPs write to SCIM directories with."),
    ("mapping", mapping.app, "Set and list what groups grant."),
    ("domain", domain.app, "Verify, list and remove the domains of a tenant's email addresses."),
    ("policy", policy.app, "Set and show what a tenant decides about its people."),
):
    app.add_typer(noun, name=name, help=what, rich_help_panel=SET)
for name, noun, what in (
    ("members", members.app, "List and show people with their access."),
    ("session", session.app, "Open and list sessions in the reference store."),
    ("api-key", api_key.app, "Note and list API keys in the reference store."),
    ("audit", audit.app, "Read who got what, and because of what."),
):
    app.add_typer(noun, name=name, help=what, rich_help_panel=SEE)
for name, noun, what in (
    ("hold", hold.app, "List and settle changes of access that wait for a word."),
    ("dead-letters", dead_letters.app, "See, replay and drop what could not be decided."),
    ("positions", positions.app, "See where readers stand, and go on after a loss."),
):
    app.add_typer(noun, name=name, help=what, rich_help_panel=MEND)
app.command(rich_help_panel=MEND)(doctor.doctor)


def main() -> None:
    """Run a command; what has a sentence for the operator ends without a traceback."""
    try:
        app(prog_name="rollcall")
    except Exception as error:
        if (code := exit_code(error)) is None:
            raise
        typer.echo(f"rollcall: {error}", err=True)
        sys.exit(code)


if __name__ == "__main__":
    main()
