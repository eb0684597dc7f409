"""Tokens of SCIM directories: made, rotated with overlap, revoked; all of it audited."""

from typing import Any

from processors.core import answers
from processors.core.draft import Decision, Draft
from schemas import limits, state
from schemas.recorded import TokenRecorded
from schemas.settings_changes import CreateToken, RevokeToken
from schemas.settings_state import Token, token_key
from schemas.state import Directory


def create(draft: Draft, change: CreateToken) -> Decision:
    """One more token; refused while two of the directory can be used."""
    place = state.directory_key(draft.tenant_id, change.directory_id)
    directory = draft.get(place, Directory)
    if directory is None or directory.kind != "scim":
        detail = f"no SCIM directory {change.directory_id} in this tenant"
        return answers.refused(draft, change, 404, "unknown_directory", detail)
    if directory.deleted_at is not None:
        detail = f"{directory.name} was disconnected"
        return answers.refused(draft, change, 409, "disconnected", detail)
    below = state.prefix("token", draft.tenant_id, change.directory_id)
    usable = [token for _, token in draft.scan(below, Token) if _is_usable(draft, token)]
    if len(usable) >= limits.TOKENS_PER_DIRECTORY:
        detail = (
            f"{directory.name} has {len(usable)} tokens that can be used, one to replace the"
            " other: revoke one first"
        )
        return answers.refused(draft, change, 409, "too_many_tokens", detail)
    token = Token(sha256=change.sha256, created_at=change.recorded_at, expires_at=change.expires_at)
    return _applied(draft, change, token, f"A token of {directory.name} was created", status=201)


def revoke(draft: Draft, change: RevokeToken) -> Decision:
    """A token ends at once; one that has ended stays as it is."""
    place = token_key(draft.tenant_id, change.directory_id, change.token_id)
    known = draft.get(place, Token)
    if known is None:
        detail = f"no token {change.token_id} of this directory"
        return answers.refused(draft, change, 404, "unknown_token", detail)
    if known.revoked_at is not None:
        return answers.unchanged(draft, change, _details(change, known))
    revoked = state.changed(known, revoked_at=change.recorded_at)
    name = draft.directory(change.directory_id).name
    return _applied(draft, change, revoked, f"A token of {name} was revoked", status=200)


def _applied(
    draft: Draft, change: CreateToken | RevokeToken, token: Token, what: str, *, status: int
) -> Decision:
    draft.emit(
        TokenRecorded(
            **draft.common("TokenRecorded"), **_details(change, token), sha256=token.sha256
        )
    )
    place = token_key(draft.tenant_id, change.directory_id, change.token_id)
    return answers.applied(
        draft,
        change,
        {place: token},
        _details(change, token),
        subject=f"token/{change.directory_id}/{change.token_id}",
        sentence=f"{what}: {change.token_id}.",
        status=201 if status == 201 else 200,
    )


def _is_usable(draft: Draft, token: Token) -> bool:
    expired = token.expires_at is not None and token.expires_at <= draft.now
    return token.revoked_at is None and not expired


def _details(change: CreateToken | RevokeToken, token: Token) -> dict[str, Any]:
    return {
        "directory_id": change.directory_id,
        "token_id": change.token_id,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    }
