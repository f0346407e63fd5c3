-- The register of products: who asked, what was run, what was decided, which certificate. No patient data.
-- depends: 0002.security

create table standards_product (
    id       text collate "C" primary key,
    supplier text not null,
    name     text not null,
    unique (supplier, name)
);

-- One version of a product that asks to be certified. `secret` is the SHA-256 of the application's own token.
create table standards_version (
    id         text collate "C" primary key,
    product    text collate "C" not null references standards_product,
    version    text not null,
    client_id  text collate "C" not null,
    jwks       jsonb not null,
    thumbprint text collate "C" not null,
    base_url   text not null,
    profile    text not null,
    contact    text not null,
    secret     bytea not null,
    created    timestamptz not null,
    unique (product, version)
);
create index standards_version_client on standards_version (client_id, created);

create table standards_run (
    id             text collate "C" primary key,
    version        text collate "C" not null references standards_version,
    started        timestamptz not null,
    ended          timestamptz not null,
    verdict        text not null,
    seed_sha256    text not null,
    report_sha256  text not null,
    verdict_sha256 text not null,
    evidence_head  text not null,
    results        jsonb not null
);
create index standards_run_version on standards_run (version, ended);

-- `body` is compressed with zstd.
create table standards_document (
    run  text collate "C" not null references standards_run,
    name text collate "C" not null,
    body bytea not null,
    primary key (run, name)
);

create table standards_certificate (
    id      text collate "C" primary key,
    idx     bigint generated always as identity (minvalue 0 start 0) unique,
    version text collate "C" not null references standards_version,
    run     text collate "C" not null references standards_run,
    issued  timestamptz not null,
    expires timestamptz not null,
    text    text not null
);

-- The log from which every state and deadline is computed.
create table standards_event (
    version     text collate "C" not null references standards_version,
    seq         integer not null check (seq > 0),
    event       text not null,
    at          timestamptz not null,
    who         text not null,
    reason      text not null,
    run         text collate "C" references standards_run,
    certificate text collate "C",
    primary key (version, seq)
);

create trigger standards_run_append_only before update or delete on standards_run
    for each row execute function refuse_change();
create trigger standards_document_append_only before update or delete on standards_document
    for each row execute function refuse_change();
create trigger standards_certificate_append_only before update or delete on standards_certificate
    for each row execute function refuse_change();
create trigger standards_event_append_only before update or delete on standards_event
    for each row execute function refuse_change();
create trigger standards_run_no_truncate before truncate on standards_run
    for each statement execute function refuse_change();
create trigger standards_document_no_truncate before truncate on standards_document
    for each statement execute function refuse_change();
create trigger standards_certificate_no_truncate before truncate on standards_certificate
    for each statement execute function refuse_change();
create trigger standards_event_no_truncate before truncate on standards_event
    for each statement execute function refuse_change();
