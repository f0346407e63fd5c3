-- Who may see what: the patient index, consent, clients, accounts, sessions, and the audit trail.
-- depends: 0001.resources

create table patient_index (
    patient      bigint not null primary key,
    id           text collate "C" not null unique,
    organisation text collate "C"
);
create index patient_index_organisation on patient_index (organisation, patient);

-- One row for each recipient and data class a FHIR Consent speaks of; rebuilt when the Consent changes.
create table consent_rule (
    patient    bigint not null,
    consent    text collate "C" not null,
    recipient  text collate "C" not null,
    data_class text collate "C" not null,
    permit     boolean not null,
    starts     timestamptz not null,
    ends       timestamptz not null,
    primary key (patient, consent, recipient, data_class)
);

create table oauth_client (
    client_id    text collate "C" primary key,
    name         text not null,
    organisation text collate "C",
    jwks         jsonb not null,
    scopes       text not null,
    certified    boolean not null,
    enabled      boolean not null default true,
    registered   timestamptz not null default now()
);

-- Assertions that were used, kept until they would be refused as expired anyway.
create table oauth_assertion (
    client_id text collate "C" not null,
    jti       text collate "C" not null,
    expires   timestamptz not null,
    primary key (client_id, jti)
);
create index oauth_assertion_expires on oauth_assertion (expires);

create table account (
    username     text collate "C" primary key,
    name         text not null,
    kind         text not null check (kind in ('patient', 'practitioner', 'administrator')),
    role         text not null,
    organisation text collate "C",
    reference    text collate "C" not null,
    password     text not null,
    failures     integer not null default 0,
    locked_until timestamptz,
    enabled      boolean not null default true
);

-- `digest` is the SHA-256 of the cookie's value: a stolen table opens no session.
create table web_session (
    digest    bytea primary key,
    username  text collate "C" not null references account on delete cascade,
    csrf      text not null,
    started   timestamptz not null,
    last_seen timestamptz not null
);

-- The audit trail. A row is sealed once every transaction up to its own has ended: batches are ranges of
-- transaction ids, so that sealing makes no request wait for another.
create table audit_event (
    seq      bigint generated always as identity,
    xact     xid8 not null default pg_current_xact_id(),
    patient  bigint not null,
    recorded timestamptz not null,
    body     bytea not null,
    primary key (patient, seq)
);
create index audit_event_xact on audit_event (xact, seq);
create unique index audit_event_seq on audit_event (seq);

create table audit_seal (
    number    bigint primary key,
    from_xact xid8 not null,
    to_xact   xid8 not null,
    events    bigint not null,
    digest    bytea not null,
    signature text not null,
    sealed    timestamptz not null
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the table % is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger audit_event_append_only before update or delete on audit_event
    for each row execute function refuse_change();
create trigger audit_event_no_truncate before truncate on audit_event
    for each statement execute function refuse_change();
create trigger audit_seal_append_only before update or delete on audit_seal
    for each row execute function refuse_change();
create trigger audit_seal_no_truncate before truncate on audit_seal
    for each statement execute function refuse_change();

create table organisation_index (
    id  text collate "C" primary key,
    ods text collate "C" not null
);
create index organisation_index_ods on organisation_index (ods);
