-- What a supplier declares of its product, and what a health body proved about moving away from it.
-- depends: 0021.standards-lifecycle

-- The newest declaration counts. `contacts` is an object from a role to an address.
create table standards_declaration (
    version      text collate "C" not null references standards_version,
    seq          integer not null check (seq > 0),
    at           timestamptz not null,
    capabilities text[] not null,
    dependencies text[] not null,
    contacts     jsonb not null,
    primary key (version, seq)
);

-- A rehearsal of leaving: an export of `version`'s data at `organisation`, imported elsewhere and compared.
create table standards_move (
    id           text collate "C" primary key,
    version      text collate "C" not null references standards_version,
    organisation text collate "C" not null,
    target       text not null,
    at           timestamptz not null,
    who          text not null,
    equal        boolean not null,
    report       jsonb not null
);
create index standards_move_version on standards_move (version, organisation, at);

create trigger standards_declaration_append_only before update or delete on standards_declaration
    for each row execute function refuse_change();
create trigger standards_move_append_only before update or delete on standards_move
    for each row execute function refuse_change();
create trigger standards_declaration_no_truncate before truncate on standards_declaration
    for each statement execute function refuse_change();
create trigger standards_move_no_truncate before truncate on standards_move
    for each statement execute function refuse_change();
