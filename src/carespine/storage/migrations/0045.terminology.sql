-- Code systems that are loaded from release files, and the closure tables that clients keep.
-- depends: 0001.resources

-- One loaded version of a code system. `about` is what is known of it as a whole. What is loaded is
-- never changed: a new load makes a new row, and `latest` moves to it in the same transaction.
create table terminology_system (
    number  uuid primary key,
    url     text collate "C" not null,
    version text collate "C" not null,
    latest  boolean not null,
    size    integer not null check (size >= 0),
    loaded  timestamptz not null,
    about   bytea not null,
    unique (url, version)
);
create unique index terminology_system_latest on terminology_system (url) where latest;

-- `place` is the concept's ord: 0 to size - 1, the order in which expansions list them.
create table terminology_concept (
    system    uuid    not null references terminology_system (number) on delete cascade,
    place     integer not null,
    code      text    collate "C" not null,
    display   text    collate "C",
    detail    bytea   not null,
    ancestors bytea   not null,
    primary key (system, place)
);
create unique index terminology_concept_code on terminology_concept (system, code);

-- A set of a system's concepts (fhir/terminology/system.py names the kinds), packed by fhir/terminology/masks.py.
create table terminology_set (
    system uuid  not null references terminology_system (number) on delete cascade,
    kind   text  collate "C" not null,
    name   text  collate "C" not null,
    places bytea not null,
    primary key (system, kind, name)
);

-- Closure tables ($closure): one a client and name. `body` is the ConceptMap.group that a version added.
create table terminology_closure (
    owner   text collate "C" not null,
    name    text collate "C" not null,
    version integer not null,
    primary key (owner, name)
);
create table terminology_closure_concept (
    owner   text collate "C" not null,
    name    text collate "C" not null,
    system  text collate "C" not null,
    code    text collate "C" not null,
    display text,
    primary key (owner, name, system, code),
    foreign key (owner, name) references terminology_closure (owner, name) on delete cascade
);
create table terminology_closure_change (
    owner   text collate "C" not null,
    name    text collate "C" not null,
    version integer not null,
    body    bytea not null,
    primary key (owner, name, version),
    foreign key (owner, name) references terminology_closure (owner, name) on delete cascade
);
