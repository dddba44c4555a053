CREATE TABLE `account` (
	`name` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`disabled_at` integer
) STRICT;
--> statement-breakpoint
CREATE TABLE `api_token` (
	`id` text PRIMARY KEY NOT NULL,
	`account` text NOT NULL,
	`role` text NOT NULL,
	`name` text NOT NULL,
	`secret_hash` blob NOT NULL,
	`images` text,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`revoked_at` integer,
	FOREIGN KEY (`account`) REFERENCES `account`(`name`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
CREATE INDEX `api_token_account` ON `api_token` (`account`);--> statement-breakpoint
CREATE TABLE `audit_event` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`account` text NOT NULL,
	`action` text NOT NULL,
	`target` text NOT NULL,
	`target_text` text NOT NULL,
	`outcome` text NOT NULL,
	`request_id` text NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `data_key` (
	`id` integer PRIMARY KEY NOT NULL,
	`root_key_id` text NOT NULL,
	`wrapped` blob NOT NULL,
	`state` text NOT NULL,
	`created_at` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `registry` (
	`id` text PRIMARY KEY NOT NULL,
	`account` text NOT NULL,
	`registry` text NOT NULL,
	`host` text NOT NULL,
	`repository` text,
	`name` text NOT NULL,
	`type` text NOT NULL,
	`username` text NOT NULL,
	`secure_connection` integer NOT NULL,
	`trusted_realm` text,
	`probe_repository` text,
	`last_validation` text,
	`outcome` text,
	`version` integer NOT NULL,
	`secret_version` integer NOT NULL,
	`sealed` blob NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`account`) REFERENCES `account`(`name`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `registry_account_registry` ON `registry` (`account`,`registry`);--> statement-breakpoint
CREATE INDEX `registry_account_host` ON `registry` (`account`,`host`,`registry`);--> statement-breakpoint
CREATE INDEX `registry_account_name` ON `registry` (`account`,`name`,`id`);--> statement-breakpoint
CREATE INDEX `registry_account_created_at` ON `registry` (`account`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `registry_account_updated_at` ON `registry` (`account`,`updated_at`,`id`);--> statement-breakpoint
CREATE TABLE `seal_canary` (
	`id` integer PRIMARY KEY NOT NULL,
	`sealed` blob NOT NULL,
	CONSTRAINT "seal_canary_is_one_row" CHECK("seal_canary"."id" = 1)
) STRICT;
