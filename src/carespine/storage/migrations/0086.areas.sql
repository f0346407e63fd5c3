-- Virtual services open area by area (gates G1 to G3). No patient data: a registration is the hash of an opaque number.
-- depends: 0021.standards-lifecycle

-- `event`: submit, accept, close, cap (lifted or lowered) or branch (a sub-organisation was opened).
create table standards_area_event (
    version text collate "C" not null references standards_version,
    area    text collate "C" not null check (area <> ''),
    seq     integer not null check (seq > 0),
    event   text not null check (event in ('submit', 'accept', 'close', 'cap', 'branch')),
    at      timestamptz not null,
    who     text not null,
    reason  text not null check (reason <> ''),
    detail  jsonb not null,
    primary key (version, area, seq)
);

create table standards_area_registration (
    version text collate "C" not null references standards_version,
    area    text collate "C" not null,
    digest  bytea not null,
    since   timestamptz not null,
    until   timestamptz,
    primary key (version, area, digest, since)
);
create unique index standards_area_registration_open on standards_area_registration (version, area, digest)
    where until is null;

create trigger standards_area_event_append_only before update or delete on standards_area_event
    for each row execute function refuse_change();
create trigger standards_area_event_no_truncate before truncate on standards_area_event
    for each statement execute function refuse_change();
