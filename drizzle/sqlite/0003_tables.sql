ALTER TABLE `registry` ADD `sealed_pending` blob;--> statement-breakpoint
ALTER TABLE `registry` ADD `sealed_previous` blob;--> statement-breakpoint
ALTER TABLE `registry` ADD `pending_since` integer;--> statement-breakpoint
ALTER TABLE `registry` ADD `previous_usable_until` integer;