-- Live batches from apps: their answers, what must still be written into the record, and readings taken back.
-- depends: 0010.devices 0030.jobs

-- The answer to each idempotency key. `number` counts with the patient's imports; readings carry it.
create table device_batch (
    patient         bigint  not null,
    number          integer not null,
    client          text    collate "C" not null,
    idempotency_key text    collate "C" not null,
    sha256          bytea   not null,
    answer          jsonb   not null,
    received        timestamptz not null,
    primary key (patient, number)
);
create unique index device_batch_key on device_batch (patient, client, idempotency_key);

-- Local days (since 1970) whose Observations are older than the readings; a job brings them up to date.
create table device_pending (
    patient bigint  not null,
    metric  text    collate "C" not null,
    day     integer not null,
    primary key (patient, metric, day)
);

-- Observations of readings that were taken back; the same job withdraws them.
create table device_stale (
    patient     bigint not null,
    observation text   collate "C" not null,
    primary key (patient, observation)
);

-- Readings that the sender corrected or withdrew, or that were erased by source, as they were: nothing is lost.
create table device_withdrawn (
    patient  bigint  not null,
    number   integer not null,
    metric   text    collate "C" not null,
    source   bigint  not null,
    month    integer not null,
    readings integer not null check (readings > 0),
    body     bytea   not null,
    at       timestamptz not null,
    primary key (patient, number, metric, source, month)
);
alter table device_withdrawn alter column body set storage external;

-- A patient's own order of sources for a metric, best first; it comes before the metric's order of kinds.
create table device_ranking (
    patient bigint  not null,
    metric  text    collate "C" not null,
    place   integer not null,
    source  bigint  not null,
    primary key (patient, metric, place)
);
