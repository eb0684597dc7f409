"""Whether a SCIM server has the company's truth: everything is read back and compared."""

from typing import Final

from deploy.simulate.company import Company, Group, Person
from deploy.simulate.scim import PushedGroup, ScimIdp
from deploy.simulate.wire import Body

USERS: Final = "reading of all users"
GROUPS: Final = "reading of all groups"

Difference = tuple[str, str]
"""What was read, and what is wrong with it: a sentence that goes on after "the ..."."""


async def differences(idp: ScimIdp, truth: Company) -> list[Difference]:
    """What is at the server otherwise than in the company.

    Members of a group who may not log in are left out: providers differ in what they do with them.
    """
    users = await idp.requests.every(USERS, "Users")
    found = [
        (USERS, f"shows that {what}")
        for person in truth.people.values()
        for what in _about_person(idp, person, users)
    ]
    groups: list[tuple[Group, Body | None]] = []

    async def read(group: Group) -> None:
        pushed = idp.groups.get(group.id)
        groups.append((group, await _group(idp, pushed) if pushed else None))

    await idp.wire.each(read, truth.groups.values())
    for group, body in groups:
        found += [(GROUPS, f"shows that {what}") for what in _about_group(idp, truth, group, body)]
    return found


async def _group(idp: ScimIdp, pushed: PushedGroup) -> Body | None:
    answer = await idp.wire.ask(GROUPS, "GET", f"Groups/{pushed.id}")
    return answer.body if answer.ok else None


def _about_person(idp: ScimIdp, person: Person, users: dict[str, Body]) -> list[str]:
    pushed = idp.users.get(person.id)
    there = users.get(pushed.id) if pushed else None
    if there is None:
        return ["somebody is missing who was active"] if person.active else []
    found = []
    if there.get("active") is not person.active:
        found.append(f"somebody's active is {there.get('active')}, which is wrong")
    if person.active and there.get("userName") != person.email:
        found.append("somebody has another userName")
    if person.active and there.get("displayName") != person.name:
        found.append("somebody has another displayName")
    if person.active and there.get("title") != person.title:
        found.append("somebody has another title")
    return found


def _about_group(idp: ScimIdp, truth: Company, group: Group, body: Body | None) -> list[str]:
    if body is None:
        return ["a group is missing"]
    active = {idp.users[each.id].id for each in truth.active() if each.id in idp.users}
    within = {idp.users[each].id for each in group.members if each in idp.users}
    there = {str(each.get("value")) for each in body.get("members", ())}
    found = []
    if body.get("displayName") != group.name:
        found.append("a group has another name")
    if missing := (within - there) & active:
        found.append(f"{len(missing)} members are missing in {group.name}")
    if surplus := (there - within) & active:
        found.append(f"{len(surplus)} members too many are in {group.name}")
    return found
