-- Passkeys (WebAuthn): public keys only, each bound to one person.
-- depends: 0071.providers

create table passkey (
    credential bytea primary key,
    username   text collate "C" not null references account on delete cascade,
    public_key bytea not null,
    sign_count bigint not null,
    transports text[] not null default '{}',
    name       text not null,
    made       timestamptz not null,
    used       timestamptz
);
create index passkey_username on passkey (username);
