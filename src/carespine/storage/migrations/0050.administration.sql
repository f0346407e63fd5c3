-- Clients that act for people, and what it takes to stop one for good.
-- depends: 0002.security

-- `generation` counts the times a client was disabled: a token carries the number it was issued under, so that
-- one from before does not come back to life when the client is enabled again.
alter table oauth_client
    add column redirect_uris text[]  not null default '{}',
    add column auth_method   text    collate "C" not null default 'private_key_jwt'
        check (auth_method in ('private_key_jwt', 'client_secret_basic', 'none')),
    add column secret        bytea,
    add column generation    integer not null default 0;

alter table account
    drop constraint account_kind_check,
    add constraint account_kind_check check (kind in ('patient', 'practitioner', 'administrator', 'officer'));
