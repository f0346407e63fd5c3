-- Signing in through an OpenID Connect provider: what is remembered between sending somebody there and their return.
-- depends: 0070.registration

-- Digests of the state and of the browser's cookie; a row is deleted by the first return, whatever comes of it.
create table sign_in_attempt (
    digest   bytea primary key,
    provider text collate "C" not null,
    browser  bytea not null,
    nonce    text not null,
    verifier text not null,
    onward   text not null,
    expires  timestamptz not null
);
create index sign_in_attempt_expires on sign_in_attempt (expires);

-- People who sign in through a provider have an account that no password opens; `provider` is its issuer.
alter table account add column provider text collate "C";
