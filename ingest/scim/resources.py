"""What SCIM resources may hold: exactly the attributes that are kept (DESIGN §6).

Core and enterprise User without the password, Group, and what the tenant adds.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from scim2_models import (
    Attribute,
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    EnterpriseUser,
    ETag,
    External,
    Filter,
    Group,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    Schema,
    SchemaExtension,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    User,
)

from schemas import limits
from schemas.policy import OwnAttribute

_PROVIDERS: Final = 256  # tenants whose models are kept in memory

_POLICY: Final = ScimPolicy(
    # What an IdP sends too much must not keep anybody out (access-rules §2).
    unknown=ScimPolicy.Unknown.ignore,
    # Entra removes members by value, and expects what a filter describes to be made (idp-facts
    # §4.2).
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
_CONFIG: Final = ServiceProviderConfig(
    documentation_uri=Reference[External]("https://datatracker.ietf.org/doc/html/rfc7644"),
    patch=Patch(supported=True),
    bulk=Bulk(
        supported=True,
        max_operations=limits.BULK_OPERATIONS,
        max_payload_size=limits.BULK_BODY,
    ),
    filter=Filter(supported=True, max_results=limits.SCIM_PAGE),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=True),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="Bearer token",
            description="A token of the directory, made by `rollcall token create`.",
            spec_uri=Reference[External]("https://datatracker.ietf.org/doc/html/rfc6750"),
            primary=True,
        )
    ],
)


@lru_cache(maxsize=_PROVIDERS)
def provider_for(own_attributes: tuple[OwnAttribute, ...]) -> ScimProvider:
    """What a tenant's directories serve."""
    extensions = list(_own_schemas(own_attributes))
    user = ResourceType.from_resource(User[EnterpriseUser])
    declared = list(user.schema_extensions or [])
    declared += [SchemaExtension(schema_=each.id, required=False) for each in extensions]
    user = user.model_copy(update={"schema_extensions": declared})
    return ScimProvider.from_discovery(
        [_user_schema(), _enterprise_schema(), _group_schema(), *extensions],
        [user, ResourceType.from_resource(Group)],
        config=_CONFIG,
        policy=_POLICY,
    )


def model_of(provider: ScimProvider, resource_type: ResourceType) -> type[Resource[Any]]:
    """The model of a resource type, its extensions included."""
    model = provider.model_for(resource_type)
    assert model is not None
    assert issubclass(model, Resource)
    return model


def is_group(resource_type: ResourceType) -> bool:
    """Whether it is the type of groups; the only other one is that of users."""
    return resource_type.name == "Group"


def _user_schema() -> Schema:
    schema = User.to_schema()
    return schema.model_copy(
        update={"attributes": [a for a in _attributes(schema) if a.name != "password"]}
    )


def _enterprise_schema() -> Schema:
    """The manager's `value` and `$ref` may be missing: few clients send both."""
    schema = EnterpriseUser.to_schema()
    for attribute in _attributes(schema):
        for part in attribute.sub_attributes or []:
            part.required = Required.false
    return schema


def _group_schema() -> Schema:
    """Members without `display`: what they are called stands in their own resources."""
    schema = Group.to_schema()
    for attribute in _attributes(schema):
        parts = attribute.sub_attributes or []
        attribute.sub_attributes = [each for each in parts if each.name != "display"] or None
    return schema


def _own_schemas(own: Iterable[OwnAttribute]) -> Iterator[Schema]:
    for urn, attributes in groupby(sorted(own), key=attrgetter("schema")):
        yield Schema(
            id=urn,
            name=urn.rpartition(":")[2],
            description="Attributes that this tenant keeps.",
            attributes=[_own_attribute(each) for each in attributes],
        )


def _own_attribute(own: OwnAttribute) -> Attribute:
    return Attribute(
        name=own.name,
        type=Attribute.Type(own.type),
        multi_valued=False,
        description="Kept by the tenant's policy.",
        required=False,
    )


def _attributes(schema: Schema) -> Sequence[Attribute]:
    assert schema.attributes is not None
    return schema.attributes
