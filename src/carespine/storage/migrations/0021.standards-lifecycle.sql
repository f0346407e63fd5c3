-- Decisions carry more than a reason; sites are on record; and everything said in public is in one log.
-- depends: 0020.standards

-- `severity` 1 to 3; `until` where a decision names its own end; `second` where it needs two people.
alter table standards_event
    add column severity smallint check (severity between 1 and 3),
    add column until    timestamptz,
    add column second   text;

-- A product version at a site: an organisation's ODS code, and an area where the product is offered by area.
create table standards_deployment (
    version      text collate "C" not null references standards_version,
    organisation text collate "C" not null,
    area         text collate "C" not null default '',
    since        timestamptz not null,
    who          text not null,
    primary key (version, organisation, area)
);
create index standards_deployment_organisation on standards_deployment (organisation);

-- What a withdrawal rested on, as it was told when the gates opened.
create table standards_withdrawal (
    version text collate "C" not null references standards_version,
    seq     integer not null,
    facts   jsonb not null,
    primary key (version, seq),
    foreign key (version, seq) references standards_event
);

-- The transparency log (RFC 6962): `leaf` is what was said, in canonical JSON; `idx` has no gaps.
create table standards_leaf (
    idx  bigint primary key check (idx >= 0),
    leaf bytea not null,
    hash bytea not null
);

create trigger standards_deployment_append_only before update or delete on standards_deployment
    for each row execute function refuse_change();
create trigger standards_withdrawal_append_only before update or delete on standards_withdrawal
    for each row execute function refuse_change();
create trigger standards_leaf_append_only before update or delete on standards_leaf
    for each row execute function refuse_change();
create trigger standards_deployment_no_truncate before truncate on standards_deployment
    for each statement execute function refuse_change();
create trigger standards_withdrawal_no_truncate before truncate on standards_withdrawal
    for each statement execute function refuse_change();
create trigger standards_leaf_no_truncate before truncate on standards_leaf
    for each statement execute function refuse_change();
