CREATE TABLE `login_claim` (
	`registry_id` text PRIMARY KEY NOT NULL,
	`secret_version` integer NOT NULL,
	`claim` text,
	`claimed_until` integer NOT NULL,
	`rejected_until` integer,
	`validated_at` integer NOT NULL,
	FOREIGN KEY (`registry_id`) REFERENCES `registry`(`id`) ON UPDATE no action ON DELETE cascade
) STRICT;
