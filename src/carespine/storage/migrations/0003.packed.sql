-- Less on disk: bodies come packed (storage/bodies.py), and index rows need no key that repeats the whole row.
-- depends: 0002.security

-- Neither a packed body nor an array of hashes gets any smaller: the server need not try.
alter table resource alter column body set storage external, alter column keys set storage external;
alter table resource_history alter column body set storage external;

-- The rows of a resource are a set as they are made (storage/index_rows.py). What is asked for by resource is asked
-- by patient and rid, which still come first.
create index index_date_resource on index_date (patient, rid);
alter table index_date drop constraint index_date_pkey;
create index index_number_resource on index_number (patient, rid);
alter table index_number drop constraint index_number_pkey;
create index index_quantity_resource on index_quantity (patient, rid);
alter table index_quantity drop constraint index_quantity_pkey;
create index index_string_resource on index_string (patient, rid);
alter table index_string drop constraint index_string_pkey;
create index index_position_resource on index_position (patient, rid);
alter table index_position drop constraint index_position_pkey;

-- The texts of codes and references, for :text. It looks for parts of them, which no index on values serves.
create table index_text (
    patient bigint not null,
    rid     bigint not null,
    param   bigint not null,
    value   text collate "C" not null
);
create index index_text_resource on index_text (patient, rid);
create index index_text_param on index_text (param);
