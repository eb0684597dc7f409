"""Shows what putting one directory in the place of another would do."""

import typer

from deploy.cli import client, display
from deploy.cli.errors import CommandError

_PEOPLE = ("display_name", "email", "standing", "role", "desired", "may_be", "member_id")
_LISTS = {
    "changed": "In both, and with other access afterwards:",
    "only_in_old": "In the old one only; what its end means for them, `directory set` says:",
    "only_in_new": "In the new one only; they get what its groups grant:",
    "conflicts": "Perhaps somebody known; say who with `rollcall hold`:",
}


def compare(api: client.Api, path: tuple[str, ...], old: str) -> client.Body:
    """How a directory compares with the one that it is to replace.

    Raises:
        CommandError: it is to replace another one, or none.
    """
    directories = {each["directory_id"]: each for each in api.get(*path[:3])["directories"]}
    known, former = directories.get(path[-1]), directories.get(old, {})
    if former.get("replaced_by") is not None:
        raise CommandError(
            f"{old} was replaced by {former['replaced_by']} on {former['ended_at'][:10]}."
        )
    if known is not None and known["replaces"] != old:
        raise CommandError(
            f"{path[-1]} replaces {known['replaces'] or 'none'}: `rollcall directory set"
            f" {path[-1]} --mode testing --replaces {old}` says that it does."
        )
    return api.get(*path, "comparison")


def show(found: client.Body, *, json_wanted: bool) -> None:
    """Print a comparison."""
    if json_wanted:
        display.as_json(found)
        return
    display.fields(found["counts"])
    for name, heading in _LISTS.items():
        if found[name]:
            typer.echo(f"\n{heading}")
            display.table(found[name], _PEOPLE)
    if found["unmapped_groups"]:
        typer.echo("\nGroups that grant something in the old one only; map them first:")
        display.table(found["unmapped_groups"], ("name", "role", "workspaces", "group_id"))
