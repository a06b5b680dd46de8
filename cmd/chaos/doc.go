// Command chaos lets four servers go through kills, freezes, cuts, delays,
// losses, joins, drains and restarts of the database, under load and with
// clients on all transports, and proves from what was seen that nothing was
// lost, doubled or miscounted. It needs Linux, root, iproute2 and PostgreSQL.
//
// Rules that a change must keep:
//
//   - It is no part of the program that is delivered.
//
// Start reading at ../internal/chaos.
package main
