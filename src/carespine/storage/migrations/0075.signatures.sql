-- Decisions that need two people: each signs the same words; the second signature carries them out.
-- depends: 0021.standards-lifecycle

-- `digest` is the SHA-256 of what is signed. A signature counts for a day (standards/signing.py).
create table standards_signature (
    version text  collate "C" not null references standards_version,
    event   text  not null,
    digest  bytea not null,
    who     text  collate "C" not null,
    name    text  not null,
    at      timestamptz not null,
    primary key (version, event, digest, who, at)
);
create trigger standards_signature_append_only before update or delete on standards_signature
    for each row execute function refuse_change();
create trigger standards_signature_no_truncate before truncate on standards_signature
    for each statement execute function refuse_change();
