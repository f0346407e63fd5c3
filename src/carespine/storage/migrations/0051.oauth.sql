-- The authorisation server: what people allowed apps, and the codes and refresh tokens that came of it.
-- depends: 0050.administration

alter table oauth_client add column launch_uri text;

-- One row for each time a person let an app in: everything that comes of it stands and falls with it.
create table oauth_grant (
    id        text collate "C" primary key,
    client_id text collate "C" not null references oauth_client,
    username  text collate "C" not null references account on delete cascade,
    patient   text collate "C",
    scope     text not null,
    key       text collate "C",
    signed_in timestamptz not null,
    made      timestamptz not null,
    expires   timestamptz not null,
    revoked   timestamptz
);
create index oauth_grant_username on oauth_grant (username, client_id);
create index oauth_grant_expires on oauth_grant (expires);

-- Digests only: a stolen table redeems nothing. A row that was used stays until it expires, so that a second use
-- is noticed.
create table oauth_code (
    digest       bytea primary key,
    grant_id     text collate "C" not null references oauth_grant on delete cascade,
    redirect_uri text not null,
    challenge    text not null,
    nonce        text,
    expires      timestamptz not null,
    used         timestamptz
);

create table oauth_refresh (
    digest   bytea primary key,
    grant_id text collate "C" not null references oauth_grant on delete cascade,
    scope    text not null,
    used     timestamptz
);
create index oauth_refresh_grant on oauth_refresh (grant_id);

-- An app that is being opened from within a patient's record (SMART EHR launch).
create table oauth_launch (
    digest    bytea primary key,
    client_id text collate "C" not null references oauth_client,
    username  text collate "C" not null references account on delete cascade,
    patient   text collate "C" not null,
    expires   timestamptz not null
);

-- Single access tokens that were revoked before their time (RFC 7009).
create table oauth_revoked (
    jti     text collate "C" primary key,
    expires timestamptz not null
);
