-- The second factor: a secret for one-time codes, and sessions that still wait for a code.
-- depends: 0052.door

-- `totp_used` is the number of the last half minute whose code was accepted: no code works twice.
alter table account
    add column totp_secret text,
    add column totp_used   bigint not null default 0;

-- A session that is `pending` opens nothing but the page that asks for the code; `enrolling` is a secret on offer.
alter table web_session
    add column pending   boolean not null default false,
    add column enrolling text;
