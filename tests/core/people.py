"""The vocabulary of tests about people whom the product already has: its words, links, domains."""

from typing import Any, Literal

from msgspec.structs import replace
from typing_extensions import override

from processors.core.draft import Decision
from schemas import origin, scim, state
from schemas import settings_changes as settings
from schemas.access import WorkspaceGrant
from schemas.changes import AnyChange, DomainsReported
from schemas.codec import Output
from schemas.finding_state import Product, product_key
from schemas.manual import Manual, ManualStanding, Proof
from schemas.state import Member
from tests.core import scenario as say
from tests.core import soundness
from tests.core.scenario import DIRECTORY, TENANT, World, asked

NEW = "directory_new"
"""A second directory of the tenant."""


class People(World):
    """A world that keeps everything that it ever said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[Output] = []

    def product(self, product_id: str) -> Member:
        """The member that the product knows by an id."""
        return self.by_id(self.id_of(product_id))

    def id_of(self, product_id: str) -> str:
        """The id of the member that the product knows by an id."""
        found = self.state.get(product_key(TENANT, product_id), Product)
        assert found is not None, f"the product knows no {product_id}"
        assert found.member_id is not None, f"{product_id} was removed before it came"
        return found.member_id

    def by_id(self, member_id: str) -> Member:
        """A member that is there."""
        found = self.state.get(state.member_key(TENANT, member_id), Member)
        assert found is not None, f"no member {member_id}"
        return found

    def members(self) -> dict[str, Member]:
        """All members by their ids."""
        return {member_id: each for (member_id,), each in self.records("member", Member).items()}

    def waiting(self) -> str:
        """The id of the one of whom it is not known who it is."""
        (found,) = [member_id for member_id, each in self.members().items() if each.rivals]
        return found

    def refusal(self, change: AnyChange) -> tuple[int, str]:
        """What somebody is answered who asks for what cannot be."""
        self.when(change)
        status, body = self.answer()
        return status, body.get("error", "")

    def sound(self) -> None:
        """All work done, all records say the same: the end of every scenario."""
        self.work_through()
        soundness.holds(self.state, TENANT, self.said)

    @override
    def _made(self, decision: Decision) -> Decision:
        self.said += decision.outputs
        return super()._made(decision)


def people(kind: origin.Kind = "workos") -> People:
    """Acme, whose product has nobody yet."""
    world = People()
    say.acme(kind, world)
    return world


def known(kind: origin.Kind = "workos", *, verified: bool = True) -> People:
    """The product has Ann as p-1, a viewer; Acme's domain may be verified."""
    world = people(kind)
    world.given(has("p-1", "ann", role="viewer"))
    if verified:
        world.given(domain())
    return world


def in_doubt(kind: origin.Kind = "workos", **about: Any) -> People:
    """An Ann whom the directory reports may be the product's, whose domain nobody verified."""
    world = known(kind, verified=False)
    comes = say.reported if kind == "workos" else posted
    world.given(comes("ann", **about))
    return world


def two(kind: origin.Kind = "workos", second: origin.Kind = "workos") -> People:
    """Acme has a second directory, whose `leads` are administrators, and `staff` in sales."""
    world = people(kind)
    world.given(say.directory(NEW, "Acme Entra", "entra", kind=second))
    world.given(say.mapping("leads", "admin", directory=NEW))
    world.given(say.mapping("staff", None, say.grant("sales"), directory=NEW))
    return world


# --- what the product and its administrators say


def has(  # what a product may say of a member
    product_id: str,
    name: str,
    *workspaces: WorkspaceGrant,
    role: str | None = "member",
    standing: ManualStanding = "active",
    email: str | None = None,
    external_id: str | None = None,
    member_id: str | None = None,
    protected: bool = False,
    tenant_id: str = TENANT,
) -> settings.SetProductMember:
    """The product has somebody of its own."""
    manual = Manual(
        standing=standing,
        role=role,
        workspaces=workspaces,
        email=email or f"{name}@acme.example",
        display_name=f"{name.title()} of the product",
        external_id=external_id,
        protected=protected,
    )
    about = asked(tenant_id, product_id=product_id, member_id=member_id)
    return settings.SetProductMember(**about, manual=manual)


def gone(product_id: str) -> settings.RemoveProductMember:
    return settings.RemoveProductMember(**asked(), product_id=product_id)


def domain(
    name: str = "acme.example", proof: Proof = "dns", tenant_id: str = TENANT
) -> settings.SetDomain:
    return settings.SetDomain(**asked(tenant_id), domain=name, proof=proof)


def domain_gone(name: str = "acme.example") -> settings.RemoveDomain:
    return settings.RemoveDomain(**asked(), domain=name)


def domains_reported(*names: str) -> DomainsReported:
    stamped = say.connected()
    about = {"change_id": stamped.change_id, "stamp": stamped.stamp, "directory_id": DIRECTORY}
    return DomainsReported(**asked() | about | {"reply": False}, domains=names)


def linked(member_id: str, user_id: str, directory: str = DIRECTORY) -> settings.LinkMember:
    about = asked(member_id=member_id, user_id=user_id)
    return settings.LinkMember(**about, directory_id=directory)


def unlinked(member_id: str, directory: str = DIRECTORY) -> settings.UnlinkMember:
    return settings.UnlinkMember(**asked(), member_id=member_id, directory_id=directory)


def settled(
    member_id: str,
    ruling: Literal["approve", "discard", "separate"] = "approve",
    into: str | None = None,
) -> settings.RuleHold:
    """An administrator says who somebody on hold is."""
    return settings.RuleHold(**asked(), member_id=member_id, ruling=ruling, into=into)


def replaces(old: str, new: str = NEW) -> settings.SetDirectory:
    return settings.SetDirectory(**asked(), directory_id=new, replaces=old)


def switched(to: str = NEW) -> settings.SwitchDirectory:
    return settings.SwitchDirectory(**asked(), directory_id=to)


def posted(name: str, email: str | None = None, **about: Any) -> scim.ScimUserCreated:
    """A POST of a person with an email."""
    emails = [{"value": email or f"{name}@acme.example", "primary": True}]
    return say.scim_created(name, emails=emails, **about)


def takes(name: str, former: str, directory: str = DIRECTORY) -> AnyChange:
    """The IdP gives the id of somebody to somebody else."""
    change = say.reported(name, directory=directory)
    return replace(change, user=replace(change.user, idp_id=say.idp_id(former)))


def at(change: scim.AnyScimChange, directory: str) -> scim.AnyScimChange:
    """The same by SCIM in another directory."""
    return replace(change, directory_id=directory)


# --- a directory in the place of another


def made(new: str = NEW, old: str = DIRECTORY, kind: origin.Kind = "scim") -> list[AnyChange]:
    """A directory that is tested in the place of another; its `leads` are administrators."""
    about = asked(directory_id=new, name=f"{new} of Acme", replaces=old)
    return [
        settings.CreateDirectory(**about, kind=kind, provider="entra"),
        say.mode("testing", new),
        say.mapping("leads", "admin", directory=new),
        say.mapping("staff", None, say.grant("sales"), directory=new),
    ]


def old(kind: origin.Kind = "workos") -> People:
    """Ann is an administrator and Bo a designer in the directory that will be replaced."""
    world = people(kind)
    if kind == "workos":
        world.given(say.reported("ann"), say.joined("ann", "admins"))
        return world.given(say.reported("bo"), say.joined("bo", "designers"))
    world.given(posted("ann"), posted("bo"))
    return world.given(say.scim_members("admins", "ann"), say.scim_members("designers", "bo"))


def compared(kind: origin.Kind = "workos") -> People:
    """Ann is in the new directory too, of its staff, and Bo is not."""
    world = old(kind).given(*made(), at(say.scim_group("staff", "Staff"), NEW))
    return world.given(new("ann"), at(say.scim_members("staff", "new-ann"), NEW))


def new(name: str, email: str | None = None, **about: Any) -> AnyChange:
    """Somebody comes in the new directory."""
    return at(posted(name, email, as_user=f"new-{name}", **about), NEW)
