-- Keys are bytes: an actor's key is compared bytewise, whatever the database's
-- collation. The journal's tables are partitioned by the actor, so that the
-- four committers seldom meet in one index, and vacuum takes them one by one.

create table reddot_shards (
	shard    integer primary key,
	epoch    bigint not null,
	owner    text not null,
	taken_at timestamptz
);

insert into reddot_shards (shard, epoch, owner)
select n, 0, '' from generate_series(0, 1023) as n;

-- A committer's connection has a row here, and its statements count only while
-- the row is there: when it has lost the connection it removes the row, and so
-- settles what became of the last statement.
create table reddot_sessions (
	id        bytea primary key,
	opened_at timestamptz not null default now()
);

create table reddot_events (
	key  bytea not null,
	seq  bigint not null,
	data bytea not null,
	primary key (key, seq)
) partition by hash (key);

create table reddot_snapshots (
	key  bytea not null,
	seq  bigint not null,
	data bytea not null,
	primary key (key, seq)
) partition by hash (key);

do $$
begin
	for n in 0..15 loop
		execute format('create table reddot_events_%s partition of reddot_events for values with (modulus 16, remainder %s)', n, n);
		execute format('create table reddot_snapshots_%s partition of reddot_snapshots for values with (modulus 16, remainder %s)', n, n);
	end loop;
end $$;

create table reddot_owners (
	id  bytea primary key,
	key bytea not null
);

-- A funnel's figure is the sum over the shards: so two committers never wait
-- for each other's row.
create table reddot_tallies (
	id    bytea not null,
	kind  smallint not null,
	shard integer not null,
	n     bigint not null,
	primary key (id, kind, shard)
);

create table reddot_wakes (
	at  bigint not null,
	key bytea not null,
	primary key (at, key)
);

create table reddot_records (
	kind  bytea not null,
	key   bytea not null,
	value bytea not null,
	primary key (kind, key)
);

-- What is written here to see whether there is room is rolled back.
create table reddot_probes (
	data bytea not null
);
