-- Work that outlives its request (exports, imports, reindexing), and the files that it leaves for its requester.
-- depends: 0002.security

-- `actor` is who asked, as the job acts for them; `lease` is the worker's at work on it, until `lease_ends`.
create table job (
    id         text collate "C" primary key,
    kind       text collate "C" not null,
    owner      text collate "C" not null,
    actor      jsonb not null,
    purpose    text not null,
    request    jsonb not null,
    state      text not null check (state in ('waiting', 'running', 'complete', 'failed')),
    progress   jsonb not null default '{}',
    failure    text,
    attempts   integer not null default 0,
    created    timestamptz not null,
    ended      timestamptz,
    expires    timestamptz,
    lease      text collate "C",
    lease_ends timestamptz
);
create index job_open on job (created) where state in ('waiting', 'running');
create index job_owner on job (owner, created);
create index job_expires on job (expires) where expires is not null;

-- A piece of a file: deflate data of `size` bytes whose CRC-32 is `crc` (storage/job_files.py).
create table job_part (
    job       text collate "C" not null references job on delete cascade,
    file      text collate "C" not null,
    part      integer not null,
    resources integer not null,
    crc       bigint not null,
    size      bigint not null,
    body      bytea not null,
    primary key (job, file, part)
);
alter table job_part alter column body set storage external;

-- Whose data a job has taken out: each patient's trail says so once, when the files can be had.
create table job_patient (
    job     text collate "C" not null references job on delete cascade,
    patient bigint not null,
    primary key (job, patient)
);
