CREATE TABLE `audit_head` (
	`id` integer PRIMARY KEY NOT NULL,
	`seq` integer NOT NULL,
	`hash` text NOT NULL,
	`mac` text NOT NULL,
	CONSTRAINT "audit_head_is_one_row" CHECK("audit_head"."id" = 1)
) STRICT;
--> statement-breakpoint
ALTER TABLE `api_token` ADD `last_used_at` integer;--> statement-breakpoint
ALTER TABLE `audit_event` ADD `hash` text;--> statement-breakpoint
CREATE INDEX `audit_event_account` ON `audit_event` (`account`,`seq`);--> statement-breakpoint
CREATE INDEX `audit_event_actor` ON `audit_event` (`actor`,`seq`);--> statement-breakpoint
CREATE INDEX `audit_event_target` ON `audit_event` (`target`,`seq`);