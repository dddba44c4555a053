CREATE TABLE `registry_use` (
	`registry_id` text NOT NULL,
	`registry_version` integer NOT NULL,
	`actor` text NOT NULL,
	`image` text NOT NULL,
	`outcome` text NOT NULL,
	`count` integer NOT NULL,
	`last_at` integer NOT NULL,
	FOREIGN KEY (`registry_id`) REFERENCES `registry`(`id`) ON UPDATE no action ON DELETE cascade
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `registry_use_key` ON `registry_use` (`registry_id`,`registry_version`,`actor`,`image`,`outcome`);--> statement-breakpoint
CREATE INDEX `registry_use_last_at` ON `registry_use` (`registry_id`,`last_at`);