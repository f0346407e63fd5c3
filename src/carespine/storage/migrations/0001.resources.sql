-- Resources: current versions, superseded versions, and the search index.
-- depends:

-- `patient` is the patient key (kernel/ids.py): 0 where a resource belongs to no patient. It leads every
-- primary key, so that the tables can be distributed by patient.


-- The numbers that stand for resource types (storage/types.py), for people and for SQL that reads names.
create table resource_type (
    number smallint primary key,
    name   text collate "C" not null unique
);

create table resource (
    patient  bigint   not null,
    rid      bigint   not null,
    type     smallint not null,
    id       text     collate "C" not null,
    version  integer  not null check (version > 0),
    updated  timestamptz not null,
    deleted  boolean  not null,
    body     bytea    not null,
    keys     bigint[] not null,
    primary key (patient, rid)
);
create unique index resource_identity on resource (type, id);
create index resource_updated on resource (type, updated, rid);
create index resource_order on resource (type, rid);
create index resource_keys on resource using gin (keys) with (fastupdate = off);

create table resource_history (
    patient  bigint   not null,
    rid      bigint   not null,
    version  integer  not null,
    type     smallint not null,
    id       text     collate "C" not null,
    updated  timestamptz not null,
    deleted  boolean  not null,
    body     bytea    not null,
    primary key (patient, rid, version)
);
create unique index resource_history_identity on resource_history (type, id, version);
create index resource_history_updated on resource_history (type, updated);

create table index_date (
    patient bigint not null,
    rid     bigint not null,
    param   bigint not null,
    low     bigint not null,
    high    bigint not null,
    primary key (patient, rid, param, low, high)
);
create index index_date_range on index_date (param, low, high);

create table index_number (
    patient bigint not null,
    rid     bigint not null,
    param   bigint not null,
    low     double precision not null,
    high    double precision not null,
    primary key (patient, rid, param, low, high)
);
create index index_number_range on index_number (param, low, high);

-- `unit` hashes system and code together, `code` the code or printed unit alone; 0 where there is none.
create table index_quantity (
    patient bigint not null,
    rid     bigint not null,
    param   bigint not null,
    unit    bigint not null,
    code    bigint not null,
    low     double precision not null,
    high    double precision not null,
    primary key (patient, rid, param, unit, code, low, high)
);
create index index_quantity_range on index_quantity (param, low, high);

create table index_string (
    patient bigint not null,
    rid     bigint not null,
    param   bigint not null,
    value   text collate "C" not null,
    primary key (patient, rid, param, value)
);
create index index_string_value on index_string (param, value);

create table index_position (
    patient   bigint not null,
    rid       bigint not null,
    latitude  double precision not null,
    longitude double precision not null,
    primary key (patient, rid, latitude, longitude)
);
create index index_position_place on index_position (latitude, longitude);
