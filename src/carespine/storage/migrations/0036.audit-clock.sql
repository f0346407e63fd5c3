-- Transaction ids count in one cluster only. In another, where a backup was restored, `shift` is added to them, so
-- that the trail's numbers go on rising and its seals follow one another (security/audit_clock.py).
-- depends: 0002.security

create table audit_clock (
    here    boolean primary key default true check (here),
    cluster text    collate "C" not null,
    shift   bigint  not null default 0
);
insert into audit_clock (cluster) select system_identifier::text from pg_control_system();
