-- A node looks for the wake-ups of its own shards, which may be few among many
-- while another one is behind with its own. What an older program writes has no
-- shard, and everybody looks at it.
alter table reddot_wakes add column shard integer;
