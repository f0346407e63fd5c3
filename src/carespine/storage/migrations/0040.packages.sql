-- FHIR packages that were added: what they brought lies in `resource` like any other.
-- depends: 0001.resources

-- `dependencies`: name to version, as the package names them. `resources`: [type, id] of what it brought.
create table fhir_package (
    name         text        collate "C" primary key,
    version      text        not null,
    dependencies jsonb       not null,
    resources    jsonb       not null,
    added        timestamptz not null
);
