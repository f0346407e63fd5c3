-- Erasing what a patient takes back for good: what was erased is on record, the readings are not.
-- depends: 0062.device_summary

-- `sender` is the client whose readings went, `classes` the classes of data ([] for every class).
create table device_erasure (
    patient  bigint  not null,
    at       timestamptz not null,
    sender   text    collate "C" not null,
    label    text    not null,
    classes  jsonb   not null,
    readings bigint  not null check (readings >= 0),
    primary key (patient, at, sender)
);

-- Resources (Type/id) whose versions from before an erasure must go as well; the job that follows removes them.
create table device_purge (
    patient  bigint not null,
    resource text   collate "C" not null,
    primary key (patient, resource)
);

-- Which classes of data the sender of a batch was not allowed to bring, as device_import has it for files.
alter table device_batch add column not_shared jsonb not null default '[]';
