-- Waivers: one requirement, one product version, everywhere or at one site, with a reason and an end.
-- depends: 0021.standards-lifecycle

-- `organisation` is an ODS code, empty where the waiver holds everywhere.
create table standards_waiver (
    id           text collate "C" primary key,
    version      text collate "C" not null references standards_version,
    requirement  text collate "C" not null,
    organisation text collate "C" not null default '',
    reason       text not null check (reason <> ''),
    who          text not null,
    granted      timestamptz not null,
    until        timestamptz not null,
    -- standards/waivers.py counts twelve calendar months; the database holds the longest such year.
    check (until > granted and until <= granted + interval '366 days')
);
create index standards_waiver_version on standards_waiver (version, granted);

create trigger standards_waiver_append_only before update or delete on standards_waiver
    for each row execute function refuse_change();
create trigger standards_waiver_no_truncate before truncate on standards_waiver
    for each statement execute function refuse_change();
