-- Continuous monitoring: each hour of each product version is claimed once, probed once, and what was due is told once.
-- depends: 0021.standards-lifecycle

create table standards_probe_claim (
    version text collate "C" not null references standards_version,
    hour    bigint not null,
    primary key (version, hour)
);

-- `outcome`: up, down, fault (it answers, and a requirement is not met) or error (ours, charged to nobody).
create table standards_probe (
    version text collate "C" not null references standards_version,
    hour    bigint not null,
    at      timestamptz not null,
    outcome text not null check (outcome in ('up', 'down', 'fault', 'error')),
    ms      integer not null check (ms >= 0),
    came    text not null,
    head    text not null,
    primary key (version, hour)
);
create index standards_probe_at on standards_probe (version, at);

-- The outbox of notices to health bodies; sending them on is the deployer's.
create table standards_notice (
    id           text collate "C" primary key,
    version      text collate "C" not null references standards_version,
    organisation text collate "C" not null,
    state        text not null,
    period       text collate "C" not null,
    at           timestamptz not null,
    text         text not null,
    unique (version, organisation, state, period)
);
create index standards_notice_organisation on standards_notice (organisation, at);

create trigger standards_probe_append_only before update or delete on standards_probe
    for each row execute function refuse_change();
create trigger standards_notice_append_only before update or delete on standards_notice
    for each row execute function refuse_change();
create trigger standards_probe_no_truncate before truncate on standards_probe
    for each statement execute function refuse_change();
create trigger standards_notice_no_truncate before truncate on standards_notice
    for each statement execute function refuse_change();
