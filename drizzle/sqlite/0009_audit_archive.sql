CREATE TABLE `audit_archive` (
	`id` integer PRIMARY KEY NOT NULL,
	`previous_seq` integer NOT NULL,
	`previous_hash` text NOT NULL,
	`last_seq` integer NOT NULL,
	`last_hash` text NOT NULL,
	`events` integer NOT NULL,
	`digest` text NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`mac` text NOT NULL,
	CONSTRAINT "audit_archive_is_one_row" CHECK("audit_archive"."id" = 1)
) STRICT;
