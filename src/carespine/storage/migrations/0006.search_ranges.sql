-- Ranges by index: the few wide ranges apart from the many narrow ones, and quantities by the unit they are in.
-- depends: 0003.packed

-- A range that is no wider than a day lies between two bounds on its low end; wider ones are looked at by themselves.
create index index_date_wide on index_date (param, low, high) where high > low + 86400000000;
create index index_number_wide on index_number (param, low, high) where high > low;

-- The units in use: `unit` hashes system, code and printed unit; `kind` what a UCUM code measures, 0 where it is none.
create table quantity_unit (
    unit    bigint not null primary key,
    kind    bigint not null,
    system  text collate "C" not null,
    code    text collate "C" not null,
    printed text collate "C" not null
);

-- Index rows that SQL cannot make anew; storage/reindexing.py does, and takes the row away.
create table index_outdated (
    reason text not null primary key
);
insert into index_outdated select '0006' where exists (select 1 from resource);

truncate index_quantity;
drop index index_quantity_range;
alter table index_quantity drop column code;
create index index_quantity_range on index_quantity (param, unit, low, high);
create index index_quantity_wide on index_quantity (param, unit, low, high) where high > low;
