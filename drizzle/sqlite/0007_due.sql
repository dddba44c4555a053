DROP INDEX `registry_next_check_at`;--> statement-breakpoint
CREATE INDEX `registry_account_next_check_at` ON `registry` (`account`,`next_check_at`,`id`,`host`,`outcome`);--> statement-breakpoint
ALTER TABLE `derivation` ADD `derived_to` text;