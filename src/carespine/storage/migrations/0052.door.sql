-- Why an organisation may see a patient; what is labelled; whose whereabouts are secret; emergency and proxy access.
-- depends: 0051.oauth

-- One row for each reason: registered, referral, episode, appointment, consent. `organisation` is the id of an
-- Organization, or "ods:" and a code where the reason names one by its code. `source` is the resource that says so.
create table care_relationship (
    patient      bigint not null,
    organisation text   collate "C" not null,
    kind         text   collate "C" not null,
    source       text   collate "C" not null,
    starts       timestamptz not null,
    ends         timestamptz not null,
    primary key (patient, organisation, source)
);
create index care_relationship_source on care_relationship (source);
create index care_relationship_organisation on care_relationship (organisation, patient);
insert into care_relationship (patient, organisation, kind, source, starts, ends)
    select patient, organisation, 'registered', 'Patient/' || id, '0001-01-01Z', '9999-12-31Z'
    from patient_index where organisation is not null;

-- One row for each labelled version: `level` 1 is restricted (R and the sensitive categories), 2 very restricted (V).
-- `current` is the newest version: its label holds for all versions before it.
create table resource_label (
    patient bigint   not null,
    rid     bigint   not null,
    version integer  not null,
    level   smallint not null,
    current boolean  not null,
    primary key (patient, rid, version)
);

-- Patients whose address, contacts and practice are shown to nobody but themselves.
create table restricted_patient (
    patient bigint primary key
);

alter table consent_rule add column purpose text collate "C" not null default '*';
alter table consent_rule drop constraint consent_rule_pkey;
alter table consent_rule add primary key (patient, consent, recipient, data_class, purpose);

-- Emergency access: a person, a patient, a reason, a time. `seen` is when a privacy officer looked at it.
create table emergency_access (
    id       text   collate "C" primary key,
    username text   collate "C" not null references account on delete cascade,
    patient  bigint not null,
    reason   text   not null,
    started  timestamptz not null,
    ends     timestamptz not null,
    seen     timestamptz,
    seen_by  text   collate "C"
);
create index emergency_access_username on emergency_access (username, ends);

-- A carer's access to the record of another: `types` are resource types, * for all.
create table proxy_access (
    username   text   collate "C" not null references account on delete cascade,
    patient_id text   collate "C" not null,
    types      text[] not null,
    starts     timestamptz not null,
    ends       timestamptz not null,
    granted_by text   collate "C" not null,
    primary key (username, patient_id)
);
