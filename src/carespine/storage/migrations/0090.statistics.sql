-- How soon PostgreSQL looks anew at what it stores: after a twentieth has changed, for a tenth of the whole is long to
-- search by what was known before a load.
-- depends: 0060.device_live

alter table resource set (autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 500);
alter table index_text set (autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 500);
alter table index_date set (autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 500);
alter table index_number set (autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 500);
alter table index_quantity set (autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 500);
alter table index_string set (autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 500);
