-- Search parameters that were added at run time, and which of them each process knows.
-- depends: 0030.jobs

-- One row for each SearchParameter in force. `ready` once what was stored before is indexed by it.
create table search_parameter (
    id         text collate "C" primary key,
    url        text collate "C" not null unique,
    code       text collate "C" not null,
    type       text not null,
    expression text not null,
    bases      text[] not null,
    targets    text[] not null,
    ready      boolean not null default false,
    changed    bigint not null
);

-- Counts the changes of the table above.
create table search_parameter_change (
    number bigint not null
);
insert into search_parameter_change values (0);

-- The processes at work, and the change up to which each knows the parameters.
create table worker (
    id     text collate "C" primary key,
    known  bigint not null,
    seen   timestamptz not null
);
