-- By what users' profiles say they are found: keys and values are the actors' own.
-- A key names its actor, so that no two committers meet in a row.
create table reddot_index (
	key   bytea primary key,
	value bytea not null
);
