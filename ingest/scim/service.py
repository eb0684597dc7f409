"""SCIM's protocol as scim2-server speaks it, with what we answer otherwise."""

from http import HTTPStatus
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from scim2_models import (
    BaseModel,
    Context,
    Error,
    Resource,
    ResponseParameters,
    SCIMException,
    ScimProvider,
)
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService, scim_exception_of
from typing_extensions import override

from ingest.answers import log_failure
from ingest.refusals import RefusedError
from ingest.scim.body import Body
from ingest.scim.documents import without_hashes
from schemas.origin import Provider

ModelT = TypeVar("ModelT", bound=BaseModel)
_TEXTS: Final = frozenset(
    {
        *("text/plain", "text/json", "text/javascript", "application/octet-stream"),
        *("application/x-www-form-urlencoded", "application/x-json", "json", "*/*"),
    }
)
"""What a body of JSON is called by those who do not say that it is one."""


class Service(ScimService):
    """Speaks to one kind of IdP."""

    def __init__(self, provider: ScimProvider, idp: Provider, body: Body) -> None:
        """For one request.

        Args:
            provider: what the tenant's directories serve.
            idp: the IdP behind the directory.
            body: of the request; the library's bytes are not read again.
        """
        super().__init__(provider)
        self._idp = idp
        self._body = body

    @override
    def read_body(
        self, model: type[ModelT], body: bytes, content_type: str | None, scim_ctx: Context
    ) -> ModelT:
        said = self.decode_body(body, content_type)
        try:
            return model.model_validate(said, scim_ctx=scim_ctx)
        except ValidationError as error:
            raise scim_exception_of(error) from error

    @override
    def decode_body(self, body: bytes, content_type: str | None) -> Any:
        self.ensure_json(content_type)
        return self._body.json()

    @staticmethod
    @override
    def ensure_json(content_type: str | None) -> None:
        """What calls itself a text may be JSON: some clients never set a type (idp-facts §7)."""
        media_type = (content_type or "").partition(";")[0].strip().lower()
        if media_type not in _TEXTS:
            ScimService.ensure_json(content_type)

    @override
    def publish(self, base_url: str, resource: Resource[Any]) -> Resource[Any]:
        """With its location; it was made for this request, so nobody else holds it.

        References come from the read model as URLs, and from clients as they sent them.
        """
        assert resource.meta is not None
        assert resource.id is not None
        resource_type = self.get_resource_type_of(resource)
        resource.meta.location = self.resource_location(base_url, resource_type, resource.id)
        return resource

    @staticmethod
    @override
    def resource_response(
        resource: Resource[Any],
        scim_ctx: Context,
        response_parameters: ResponseParameters[Any] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> ScimResponse:
        """Without the values that were replaced by their hash (access-rules §2)."""
        response = ScimService.resource_response(resource, scim_ctx, response_parameters, status)
        response.body = without_hashes(response.body)
        return response

    @override
    def search_response(self, *arguments: Any, **named: Any) -> ScimResponse:
        response = super().search_response(*arguments, **named)
        response.body = without_hashes(response.body)
        return response

    @staticmethod
    @override
    def error_of(exception: Exception) -> Error:
        """In a sentence that names the attribute: Okta shows it to its administrators."""
        cause = exception.__cause__
        if isinstance(exception, SCIMException) and isinstance(cause, ValidationError):
            return ScimService.error_of(scim_exception_of(cause))
        return ScimService.error_of(exception)

    @override
    def bulk_failure(self, outcome: dict[str, Any], exception: Exception) -> dict[str, Any]:
        if isinstance(exception, RefusedError):
            error = Error(status=exception.status, detail=exception.detail)
            return {**outcome, "status": exception.status, "response": error}
        if not isinstance(exception, SCIMException):
            log_failure(exception)
        return super().bulk_failure(outcome, exception)

    @override
    def patch_response(
        self,
        base_url: str,
        resource: Resource[Any],
        response_parameters: ResponseParameters[Any],
    ) -> ScimResponse:
        """What was patched comes back, but a group with too many members to be read for it.

        Entra expects 204 for groups (idp-facts §4.1).
        """
        named = response_parameters.attributes or response_parameters.excluded_attributes
        group = resource.meta is not None and resource.meta.resource_type == "Group"
        unread = group and getattr(resource, "members", None) is None
        if named or (group and (unread or self._idp == "entra")):
            return super().patch_response(base_url, resource, response_parameters)
        return self.resource_response(
            self.publish(base_url, resource), Context.RESOURCE_REPLACEMENT_RESPONSE
        )
