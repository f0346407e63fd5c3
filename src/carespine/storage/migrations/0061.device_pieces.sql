-- A chunk of readings in pieces: a live batch rewrites only the pieces that its time touches.
-- depends: 0060.device_live

-- `first_ms` and `last_ms` (milliseconds since 1970, UTC) hold the starts of all readings of a piece; the pieces of
-- one metric, source and month never overlap. A piece from before this migration may hold its whole month.
alter table device_chunk
    add column first_ms bigint,
    add column last_ms  bigint;
update device_chunk set
    first_ms = (extract(epoch from make_timestamptz(month / 100, month % 100, 1, 0, 0, 0, 'UTC')) * 1000)::bigint,
    last_ms  = (extract(epoch from make_timestamptz(month / 100, month % 100, 1, 0, 0, 0, 'UTC') at time zone 'UTC'
                        + interval '1 month') * 1000)::bigint - 1;
alter table device_chunk
    alter column first_ms set not null,
    alter column last_ms  set not null,
    add check (first_ms <= last_ms),
    drop constraint device_chunk_pkey,
    add primary key (patient, metric, source, month, first_ms);
