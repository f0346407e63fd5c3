-- The audit trail: signed heads, one a day, and checkpoints, from which the chain goes on when its oldest seals are removed.
-- depends: 0036.audit-clock

-- `text` is the signed head (JWS) of the newest seal when the day was first seen; a copy stands in the data folder.
create table audit_head (
    day    date   primary key,
    number bigint not null,
    text   text   not null
);

-- Everything up to seal `number` was removed: the chain goes on at `to_xact`, on top of `digest`. `events` counts all
-- that were ever removed; `newest` is the time of the last of them.
create table audit_checkpoint (
    number  bigint primary key,
    to_xact xid8   not null,
    digest  bytea  not null,
    events  bigint not null,
    newest  timestamptz not null,
    made    timestamptz not null,
    text    text   not null
);

-- Rows are removed only where a checkpoint stands for them; nothing is ever changed.
create function refuse_audit_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        if tg_table_name = 'audit_event' then
            if old.xact < (select to_xact from audit_checkpoint order by number desc limit 1) then
                return old;
            end if;
        elsif old.number <= (select max(number) from audit_checkpoint) then
            return old;
        end if;
    end if;
    raise exception 'the table % is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;

drop trigger audit_event_append_only on audit_event;
create trigger audit_event_append_only before update or delete on audit_event
    for each row execute function refuse_audit_change();
drop trigger audit_seal_append_only on audit_seal;
create trigger audit_seal_append_only before update or delete on audit_seal
    for each row execute function refuse_audit_change();
create trigger audit_head_append_only before update or delete on audit_head
    for each row execute function refuse_change();
create trigger audit_checkpoint_append_only before update or delete on audit_checkpoint
    for each row execute function refuse_change();
create trigger audit_head_no_truncate before truncate on audit_head
    for each statement execute function refuse_change();
create trigger audit_checkpoint_no_truncate before truncate on audit_checkpoint
    for each statement execute function refuse_change();
