-- Topic subscriptions: who wants to hear of what, the changes that are to be looked at, and the events that came of them.
-- depends: 0031.parameters

-- `events` numbers are given out, those up to `delivered` have arrived. `spec` holds what the Subscription asks for,
-- with the headers that nobody is shown. Leases and tries are counted by the database's clock.
create table subscription (
    id         text collate "C" primary key,
    owner      text collate "C" not null,
    actor      jsonb not null,
    purpose    text not null,
    topic      text not null,
    channel    text not null check (channel in ('rest-hook', 'websocket')),
    spec       jsonb not null,
    state      text not null check (state in ('requested', 'active', 'error', 'off')),
    started    timestamptz,
    events     bigint not null default 0,
    delivered  bigint not null default 0,
    failures   integer not null default 0,
    failure    text,
    next_try   timestamptz,
    last_sent  timestamptz,
    lease      text collate "C",
    lease_ends timestamptz
);
create index subscription_owner on subscription (owner);

create table subscription_event (
    patient      bigint not null,
    subscription text collate "C" not null references subscription on delete cascade,
    number       bigint not null,
    type         smallint not null,
    id           text collate "C" not null,
    version      integer not null,
    deleted      boolean not null,
    at           timestamptz not null,
    primary key (patient, subscription, number)
);
create unique index subscription_event_number on subscription_event (subscription, number);
create index subscription_event_at on subscription_event (at);

create table subscription_token (
    digest       bytea primary key,
    subscription text collate "C" not null references subscription on delete cascade,
    expires      timestamptz not null
);

-- The outbox: what was written to types that somebody watches, noted by the write's own transaction.
create table resource_change (
    seq     bigint generated always as identity,
    xact    xid8 not null default pg_current_xact_id(),
    patient bigint not null,
    type    smallint not null,
    id      text collate "C" not null,
    version integer not null,
    deleted boolean not null,
    primary key (patient, seq)
);
create unique index resource_change_seq on resource_change (seq);
create table subscription_watch (
    type smallint primary key
);

create function note_created() returns trigger language plpgsql as $$
begin
    insert into resource_change (patient, type, id, version, deleted)
        select patient, type, id, version, deleted from fresh where type in (select type from subscription_watch);
    if found then
        perform pg_notify('carespine', 'change');
    end if;
    return null;
end $$;

create function note_changed() returns trigger language plpgsql as $$
begin
    insert into resource_change (patient, type, id, version, deleted)
        select f.patient, f.type, f.id, f.version, f.deleted from fresh f join gone g using (rid)
        where f.version <> g.version and f.type in (select type from subscription_watch);
    if found then
        perform pg_notify('carespine', 'change');
    end if;
    return null;
end $$;

-- They cost nothing while nobody subscribes: the first subscription enables them.
create trigger resource_created after insert on resource referencing new table as fresh
    for each statement execute function note_created();
create trigger resource_changed after update on resource referencing new table as fresh old table as gone
    for each statement execute function note_changed();
alter table resource disable trigger resource_created;
alter table resource disable trigger resource_changed;
