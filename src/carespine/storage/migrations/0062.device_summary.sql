-- The summary of a patient's readings as it was last worked out, so that a page need not work it out again.
-- depends: 0061.device_pieces

-- `stamp` covers everything the summary follows from; a summary with another stamp is not used (devices/kept.py).
create table device_summary (
    patient bigint not null primary key,
    stamp   bytea  not null,
    body    bytea  not null
);
