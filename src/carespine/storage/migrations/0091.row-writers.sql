-- Numbers the processes that write, so that the row ids of two never coincide.
-- depends: 0090.statistics

create sequence row_writer;
