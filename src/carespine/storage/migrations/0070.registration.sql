-- Clients that registered themselves with a software statement.
-- depends: 0060.device_live

-- `software` is the client whose certificate the statement carried: this client stands and falls with it.
alter table oauth_client add column software text collate "C" references oauth_client;
create index oauth_client_software on oauth_client (software);
