"""Tokens with which an IdP writes to a SCIM directory."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from fastapi import Path
from pydantic import BaseModel, Field
from sqlalchemy import and_, select
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.parameters import Body, DirectoryId, Id, TenantId
from ingest.database import Database, require_directory
from ingest.scim.tokens import new_token
from schemas import limits
from schemas.scim_models import scim_token, scim_token_use
from schemas.settings_changes import CreateToken, RevokeToken

TokenId = Annotated[Id, Path(description="The token's id: the part after rc_scim_.")]


class NewToken(Body):
    """How long a token is to be good; without days, until it is revoked."""

    days: int | None = Field(None, ge=1, le=limits.TOKEN_DAYS)


class Token(BaseModel):
    """A token as it stands; the token itself is kept nowhere."""

    directory_id: str
    token_id: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class ShownToken(Token):
    """A token that was just made, shown this once."""

    token: str


class UsedToken(Token):
    """A token, and when somebody last wrote with it."""

    last_used_at: datetime | None
    """To the minute; None: never."""


class TokenList(BaseModel):
    """A directory's tokens, newest first."""

    tokens: list[UsedToken]


class Tokens:
    """The URLs about tokens."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def create(
        self, tenant_id: TenantId, directory_id: DirectoryId, body: NewToken
    ) -> JSONResponse:
        """Make a token and show it; 409 while two can be used: one replaces the other."""
        made = new_token()
        days = None if body.days is None else timedelta(days=body.days)
        change = CreateToken(
            tenant_id=tenant_id,
            directory_id=directory_id,
            token_id=made.token_id,
            sha256=made.sha256,
            expires_at=None if days is None else datetime.now(UTC) + days,
            **asked_now(),
        )
        answer = await self._changes.settle(change)
        if answer.status_code != 201:
            return answer
        shown = msgspec.json.decode(answer.body) | {"token": made.token}
        return JSONResponse(shown, 201, {"Cache-Control": "no-store"})

    async def revoke(
        self, tenant_id: TenantId, directory_id: DirectoryId, token_id: TokenId
    ) -> JSONResponse:
        """End a token: within `limits.TOKEN_CACHE_SECONDS` no gateway takes it any more."""
        change = RevokeToken(
            tenant_id=tenant_id, directory_id=directory_id, token_id=token_id, **asked_now()
        )
        return await self._changes.settle(change)

    def every(self, tenant_id: TenantId, directory_id: DirectoryId) -> TokenList:
        """List a directory's tokens, those that have ended too."""
        token, use = scim_token.c, scim_token_use.c
        same = and_(use.tenant_id == token.tenant_id, use.token_id == token.token_id)
        query = (
            select(*(token[name] for name in Token.model_fields), use.last_used_at)
            .select_from(scim_token.outerjoin(scim_token_use, same))
            .where(token.tenant_id == tenant_id, token.directory_id == directory_id)
            .order_by(token.created_at.desc(), token.token_id)
        )
        with self._database.tenant(tenant_id) as connection:
            require_directory(connection, tenant_id, directory_id)
            rows = connection.execute(query).mappings()
            return TokenList(tokens=[UsedToken(**row) for row in rows])
