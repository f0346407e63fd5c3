-- Runs that a supplier watches while they go. Gone after a day: what counts of a run is in standards_run.
-- depends: 0021.standards-lifecycle

create table standards_live_run (
    id      text collate "C" primary key,
    version text collate "C" not null references standards_version,
    only_   text not null,
    total   integer not null,
    started timestamptz not null,
    beat    timestamptz not null,
    ended   timestamptz,
    outcome text not null default '',
    run     text collate "C",
    results jsonb not null default '[]'
);
create index standards_live_run_version on standards_live_run (version, started);
