CREATE TABLE `derivation` (
	`id` integer PRIMARY KEY NOT NULL,
	`version` integer NOT NULL,
	`check_every_ms` integer NOT NULL,
	CONSTRAINT "derivation_is_one_row" CHECK("derivation"."id" = 1)
) STRICT;
--> statement-breakpoint
CREATE TABLE `registry_search` (
	`number` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`registry_id` text NOT NULL,
	`account` text NOT NULL,
	`text` text NOT NULL,
	FOREIGN KEY (`registry_id`) REFERENCES `registry`(`id`) ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `registry_search_registry_id_unique` ON `registry_search` (`registry_id`);--> statement-breakpoint
DROP INDEX `registry_account_name`;--> statement-breakpoint
ALTER TABLE `registry` ADD `name_key` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `registry` ADD `next_check_at` integer;--> statement-breakpoint
CREATE INDEX `registry_account_type` ON `registry` (`account`,`type`,`registry`);--> statement-breakpoint
CREATE INDEX `registry_account_outcome` ON `registry` (`account`,`outcome`,`registry`);--> statement-breakpoint
CREATE INDEX `registry_account_name_key` ON `registry` (`account`,`name_key`,`id`);--> statement-breakpoint
CREATE INDEX `registry_next_check_at` ON `registry` (`next_check_at`,`id`,`account`,`host`,`outcome`);