"""Changes that an administrator of the product asks for through the admin API."""

from datetime import datetime
from typing import Literal

from schemas.access import WorkspaceGrant
from schemas.manual import Manual, Proof
from schemas.origin import Change, Kind, Mode, OnDisconnect, Provider
from schemas.policy import Breaker, HoldReason, Linked, OwnAttribute, SoleAdmin


class CreateTenant(Change, frozen=True, kw_only=True, tag="create_tenant"):
    """Open a tenant; refused when its id is taken by one of another name."""

    name: str


class SetRole(Change, frozen=True, kw_only=True, tag="set_role"):
    """Make a role or change it; members are ranked anew."""

    slug: str
    rank: int
    """The highest rank among a member's roles wins."""
    is_admin: bool = False
    is_default: bool = False
    """The role of active people in no mapped group; without such a role they get no access."""


class CreateWorkspace(Change, frozen=True, kw_only=True, tag="create_workspace"):
    """Make a workspace that mappings can grant."""

    slug: str
    name: str


class SetPolicy(Change, frozen=True, kw_only=True, tag="set_policy"):
    """Set the tenant's policy; what is None stays as it is."""

    sole_admin: SoleAdmin | None = None
    breaker: Breaker | None = None
    linked: Linked | None = None
    own_attributes: tuple[OwnAttribute, ...] | None = None
    kept_as_sent: tuple[str, ...] | None = None


class CreateDirectory(Change, frozen=True, kw_only=True, tag="create_directory"):
    """Give a WorkOS directory to the tenant, or make one that an IdP writes to by SCIM."""

    directory_id: str
    name: str
    provider: Provider = "generic"
    kind: Kind = "workos"
    replaces: str | None = None
    """Another directory of the tenant with the same people: they are linked, none is made twice."""


class SetDirectory(Change, frozen=True, kw_only=True, tag="set_directory"):
    """Say how a directory's word counts; what is None stays as it is."""

    directory_id: str
    on_disconnect: OnDisconnect | None = None
    mode: Mode | None = None
    replaces: str | None = None


class DisconnectDirectory(Change, frozen=True, kw_only=True, tag="disconnect_directory"):
    """End a SCIM directory, with all its users and groups."""

    directory_id: str


class SwitchDirectory(Change, frozen=True, kw_only=True, tag="switch_directory"):
    """From now on a directory speaks for the people of the one that it replaces, which ends."""

    directory_id: str
    """The one that replaces."""


class CreateToken(Change, frozen=True, kw_only=True, tag="create_token"):
    """Let whoever knows a secret write to a SCIM directory; two of a directory at a time."""

    directory_id: str
    token_id: str
    sha256: str
    """Of the whole token, in hex: nothing else of it is kept."""
    expires_at: datetime | None = None


class RevokeToken(Change, frozen=True, kw_only=True, tag="revoke_token"):
    """End a token at once."""

    directory_id: str
    token_id: str


class RuleHold(Change, frozen=True, kw_only=True, tag="rule_hold"):
    """End a hold by an administrator's word.

    approve: what is desired is applied; of a `conflict`, it is the same person.
    discard: what is applied stays, until the IdP says active and inactive again.
    separate: of a `conflict`, it is somebody new.
    """

    member_id: str
    ruling: Literal["approve", "discard", "separate"]
    reason: HoldReason | None = None
    """Of the hold that the administrator saw; if it is another one by now, nothing happens."""
    into: str | None = None
    """Of a `conflict` with several members: which of them it is."""


class SetProductMember(Change, frozen=True, kw_only=True, tag="set_product_member"):
    """The product says how one of its members stands."""

    product_id: str
    """The product's own id of the person."""
    manual: Manual
    member_id: str | None = None
    """Which member it is, where the product knows that; else it is found, or made."""


class RemoveProductMember(Change, frozen=True, kw_only=True, tag="remove_product_member"):
    """The product has a member no longer; access ends, whatever directories say."""

    product_id: str


class LinkMember(Change, frozen=True, kw_only=True, tag="link_member"):
    """A directory user is a member, by an administrator's word."""

    member_id: str
    directory_id: str
    user_id: str


class UnlinkMember(Change, frozen=True, kw_only=True, tag="unlink_member"):
    """A directory speaks for a member no longer, who keeps their access as a manual one."""

    member_id: str
    directory_id: str


class SetDomain(Change, frozen=True, kw_only=True, tag="set_domain"):
    """A domain of email addresses is the tenant's own."""

    domain: str
    proof: Proof


class RemoveDomain(Change, frozen=True, kw_only=True, tag="remove_domain"):
    """A domain is the tenant's own no longer; who is linked stays so."""

    domain: str


class SetMapping(Change, frozen=True, kw_only=True, tag="set_mapping"):
    """Say what a directory group grants.

    Its members are evaluated anew.  Neither role nor workspaces: nothing.
    """

    directory_id: str
    group_id: str
    role: str | None = None
    workspaces: tuple[WorkspaceGrant, ...] = ()


AnySettingsChange = (
    CreateTenant
    | SetPolicy
    | SetRole
    | CreateWorkspace
    | CreateDirectory
    | SetDirectory
    | DisconnectDirectory
    | SwitchDirectory
    | CreateToken
    | RevokeToken
    | SetMapping
    | RuleHold
    | SetProductMember
    | RemoveProductMember
    | LinkMember
    | UnlinkMember
    | SetDomain
    | RemoveDomain
)
