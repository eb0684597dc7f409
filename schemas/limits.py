"""Every limit of Rollcall, named once.

Sizes are bytes, times are seconds unless the name says otherwise.
"""

from typing import Final

RECORDS_PER_STEP: Final = 200
"""Messages that one step of a partition's loop takes at most (DESIGN §5.1)."""
STEP_BYTES: Final = 128 << 10
"""Bytes of messages at which a step takes no more: two or three pages, or 200 single changes, so
that pages keep urgent changes waiting not much longer than these."""
PAGE_CHANGES: Final = 100
"""Changes in one message of a bulk publisher."""
PAGES_UNDER_WAY: Final = 5
"""Pages of a bulk publisher that a partition may have without outcome, so that nobody waits behind
all of them (DESIGN §5.10)."""
MEMBERS_PER_CHUNK: Final = 100
"""Members that one piece of follow-up work re-evaluates, so that urgent changes get in between."""
WORK_RETRY_SECONDS: Final = 60
"""How long follow-up work that failed waits before it is tried again."""
LANE_FULL: Final = 1_000
"""Messages waiting in a lane at which fetching of its topic-partition is paused."""
LANE_ROOM: Final = 500
"""Messages waiting in a lane at which a paused topic-partition is resumed."""
LANE_BYTES: Final = 16 << 20
"""Bytes waiting in a lane at which its topic-partition is paused, since pages may be long; at half
of them it is resumed."""

BUDGET_WINDOW: Final = 1_000
"""Messages of a partition over which dead letters are counted (DESIGN §5.5)."""
BUDGET_LETTERS: Final = BUDGET_WINDOW // 5
"""Dead letters among those at which a partition, or a sink, decides no more."""
LETTER_VALUE: Final = 2 << 20
"""Largest message that a dead letter holds whole; of a larger one it keeps place and hash."""
LETTER_DETAIL: Final = 1_000
"""Longest reason of a dead letter, in characters."""

INPUT_MESSAGE: Final = 1 << 20
"""Largest message on an input topic (DESIGN §5.5)."""
OUTPUT_MESSAGE: Final = 4 << 20
"""Largest message that processors write (DESIGN §5.5)."""
CHANGELOG_SEGMENT: Final = 32 << 20
"""Segment size of the changelog; larger ones make recovery read history instead of state."""
WEBHOOK_BODY: Final = 1_000_000
"""Largest webhook body that the gateway reads; more is answered 413."""
API_BODY: Final = 64_000
"""Largest body of an admin API request; more is answered 413."""
JSON_DEPTH: Final = 32
"""Deepest nesting of a body that is parsed at the door."""
ID_LENGTH: Final = 255
"""Longest id, slug or external id, in characters."""
TEXT_LENGTH: Final = 1_024
"""Longest name, email or attribute value, in characters; longer ones are cut at the door."""
EMAIL_LENGTH: Final = 320
"""Longest email address (RFC 5321: 64 + 1 + 255); it is indexed, so it must be short."""
DOMAIN_LENGTH: Final = 243
"""Longest domain of addresses, in characters: 253 (RFC 1035 §2.3.4), of which the record that
proves it takes the first ten."""
DNS_SECONDS: Final = 5
"""How long a look-up in DNS may take, with all that is tried again."""
REPORTED_DOMAINS: Final = 100
"""Domains of one event of WorkOS's that are looked at."""
BODY_SECONDS: Final = 20
"""How long a client may take to send its body."""
CONNECTIONS: Final = 1_000
"""Connections that the gateway serves at once; more are answered 503."""
ROLES_PER_TENANT: Final = 100
"""Roles of a tenant: they share one state record, so it must stay small."""
WORKSPACES_PER_MAPPING: Final = 50
"""Workspaces that one group mapping may grant."""
TOKEN_CACHE_SECONDS: Final = 5
"""How long the gateway trusts its answer to "whose is this token?": a revoked one ends by then."""
SCIM_BODY: Final = 2_000_000
"""Largest body of a SCIM request; more is answered 413 (WorkOS takes as much, idp-facts §1.8)."""
SCIM_RESOURCE: Final = 64_000
"""Largest user or group without its members, as JSON: a page of them must fit into memory."""
SCIM_NAME: Final = 255
"""Longest userName or externalId, in characters: they are keys."""
SCIM_GROUP_NAME: Final = 512
"""Longest displayName of a group, in characters: it is indexed."""
SCIM_FILTER: Final = 2_000
"""Longest filter, path of a PATCH operation, or other parameter, in characters."""
SCIM_QUERY: Final = 64_000
"""Longest query of a URL, in characters, percent-encoded as it is sent."""
SCIM_FILTER_DEPTH: Final = 32
"""Expressions that a filter, or the path of a PATCH operation, may nest; scim2-models holds it."""
SCIM_ENTRIES: Final = 100
"""Operations of a PATCH on a user, or values of one of their attributes, in one request."""
GROUP_OPERATIONS: Final = 1_000
"""Operations of a PATCH on a group; each may name many members."""
SCIM_SENT_BACK: Final = 2_000
"""Groups in the body of a user: nobody writes them, but some IdPs send back what they read."""
SCIM_SEARCH_BODY: Final = 64_000
"""Largest body of a search by POST."""
SCIM_PATHS: Final = 1_000
"""Paths in one request, those of a bulk request together: of PATCH operations, and the names in
their values.  One resource has no more attributes, either."""
SCIM_PATHS_LENGTH: Final = 64_000
"""Characters of these paths together: reading as many takes half a second, and all tenants wait."""
SCIM_MEMBERS: Final = 40_000
"""Members named in one request: as many as `SCIM_BODY` has room for, if their ids are UUIDs."""
SCIM_PAGE: Final = 200
"""Resources in one page of a SCIM list."""
LISTED_MEMBERS: Final = 10_000
"""Members in one page of groups: a page with more ends early (RFC 7644 §3.4.2.4)."""
SHOWN_MEMBERS: Final = 100
"""Members with which a patched group comes back; a larger one is answered 204, since reading it
would cost more than the change."""
BULK_OPERATIONS: Final = 100
"""Operations of one SCIM bulk request."""
BULK_BODY: Final = 1_000_000
"""Largest body of a SCIM bulk request."""
IGNORED_NAMES: Final = 20
"""Attributes of one request that are named as not kept."""
TENANT_READS: Final = 5
"""Connections to Postgres that the SCIM requests of one tenant use at once: half of them."""
READ_SECONDS: Final = 10
"""How long a query of the gateway may take, be it of the SCIM door or the admin API."""
SCIM_AT_ONCE: Final = 64
"""SCIM requests of one tenant that a gateway works on at once; others wait (DESIGN §5)."""
WARNINGS: Final = 500
"""Warnings of a directory: an IdP may send anything."""
TOKEN_DAYS: Final = 3_650
"""Longest life of a token that expires, in days."""
OWN_ATTRIBUTES: Final = 50
"""Attributes that a tenant adds to those that are kept, or exempts from redaction."""
RIVALS: Final = 10
"""Members of whom somebody may be one, as far as they are looked at and listed."""
TOKENS_PER_DIRECTORY: Final = 2
"""Tokens of a SCIM directory that can be used at once: one replaces the other (DESIGN §6)."""
PAGE: Final = 200
"""Rows in one page of an admin API list."""
SINK_BATCH: Final = 1_000
"""Messages that a sink applies in one Postgres transaction at most."""

COMMIT_SECONDS: Final = 10
"""How long one call of commit_transaction may wait."""
TRANSACTION_SECONDS: Final = 30
"""Broker's timeout of an open transaction, and how long retriable errors of one are retried."""
ABORTED_STEPS: Final = 3
"""How often a step whose transaction was aborted is tried again before the process ends (DESIGN
§5.6)."""
SESSION_SECONDS: Final = 10
"""Session timeout of consumers.

Fencing and the end record take less than half of it (DESIGN §5.2).
"""
WATCH_SECONDS: Final = 5
"""How often a worker compares its lanes with the broker's logs."""
STUCK_SECONDS: Final = 30
"""How long a lane with something to read, or a recovery, may stand still before the process ends
(DESIGN §5.4)."""
STORE_DAYS: Final = 3.5
"""How long a local store may lie unused before it is recovered whole: half of what the changelog
keeps tombstones (DESIGN §5.3)."""
ASSIGN_SECONDS: Final = 5
"""How often the gateway looks for dead letters whose directory has got a tenant."""
OUTCOME_SECONDS: Final = 45
"""How long the gateway waits for a change's outcome; Okta and Entra wait 60 (DESIGN §5)."""
OUTCOME_RECHECK_SECONDS: Final = 0.5
"""How often outcome rows are read again whatever was notified."""
OUTCOME_KEPT_HOURS: Final = 24
"""How long outcome rows stay."""
DELIVERY_SECONDS: Final = 10
"""How long the gateway's producer tries to deliver (DESIGN §5.8)."""
RETRY_AFTER_SECONDS: Final = 5
"""What a 503 suggests in Retry-After."""
LATE_MARK_DAYS: Final = 7
"""How long an ignored late change is remembered; WorkOS repeats a delivery for three days."""
DIRECTORY_CACHE_SECONDS: Final = 5
"""How long the gateway trusts its answer to "which tenant owns this directory?"."""

BREAKER_MINUTES: Final = 10
"""How long somebody's loss of all access counts towards a tenant's breaker (access-rules §5)."""
BREAKER_SHARE: Final = 10
"""Percent of those with access who may lose it in that time."""
BREAKER_LEAST: Final = 5
"""People who may lose access in that time however few have it."""
BREAKER_PEOPLE: Final = 50
"""People who may lose access in that time however many have it."""
