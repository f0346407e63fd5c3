-- What each reading asks of a consent, worked out when it is written: the number of the resource type that a data class
-- names, and whom the same Consent makes an exception for.
-- depends: 0052.door

alter table consent_rule
    add column type       smallint,
    add column exceptions text[] collate "C" not null default '{}';
update consent_rule c set
    type = (select t.number from resource_type t where t.name = c.data_class),
    exceptions = array(select distinct e.recipient from consent_rule e
        where e.patient = c.patient and e.consent = c.consent and e.permit);
