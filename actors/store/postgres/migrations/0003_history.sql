-- What tells this database from what it was, or will be after a restore or a
-- promotion: the id here, this row's version, and what the server says of
-- itself (postgres_history.go). A restore from a dump writes the row anew.
create table reddot_history (
	only_one  boolean primary key default true check (only_one),
	id        bytea not null,
	minted_at timestamptz not null default now()
);

insert into reddot_history (id) values (uuid_send(gen_random_uuid()));

-- Begins another history: after files were put back by hand, with which the
-- server can't tell that something is missing. Sessions end, so that nothing
-- more is written by who knows the old one.
create function reddot_renew_history() returns void language sql as $$
	delete from reddot_sessions;
	update reddot_history set id = uuid_send(gen_random_uuid()), minted_at = now();
$$;
