-- Readings from devices: sources, imports, and the readings themselves in compressed chunks.
-- depends: 0002.security

-- One row for each patient with readings. A writer locks it, so that imports of one patient queue up.
create table device_ledger (
    patient bigint  not null primary key,
    imports integer not null default 0
);

-- A device together with the app that reported it (devices/samples.py, SourceIdentity).
create table device_source (
    patient  bigint not null,
    source   bigint not null,
    platform text   not null,
    app      text   not null,
    device   text   not null,
    maker    text   not null,
    model    text   not null,
    hardware text   not null,
    kind     text   not null,
    primary key (patient, source)
);

-- All readings of one metric from one source in one month (yyyymm of their start in UTC), devices/chunks.py.
create table device_chunk (
    patient  bigint  not null,
    metric   text    collate "C" not null,
    source   bigint  not null,
    month    integer not null,
    readings integer not null check (readings > 0),
    body     bytea   not null,
    primary key (patient, metric, source, month)
);
alter table device_chunk alter column body set storage external;

-- `number` counts the patient's imports from 1; readings carry it as their provenance.
create table device_import (
    patient         bigint  not null,
    number          integer not null,
    id              text    collate "C" not null,
    client          text    collate "C" not null,
    idempotency_key text    collate "C" not null,
    adapter         text    collate "C" not null,
    sha256          bytea   not null,
    state           text    not null check (state in ('complete', 'partial')),
    read            bigint  not null,
    stored          bigint  not null,
    duplicate       bigint  not null,
    rejected        bigint  not null,
    reasons         jsonb   not null,
    notices         jsonb   not null,
    not_shared      jsonb   not null,
    received        timestamptz not null,
    report          text    collate "C",
    task            text    collate "C",
    primary key (patient, number),
    check (read = stored + duplicate + rejected)
);
create unique index device_import_key on device_import (patient, client, idempotency_key);
create unique index device_import_id on device_import (patient, id);
