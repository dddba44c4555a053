ALTER TABLE "registry" ADD COLUMN "sealed_pending" "bytea";--> statement-breakpoint
ALTER TABLE "registry" ADD COLUMN "sealed_previous" "bytea";--> statement-breakpoint
ALTER TABLE "registry" ADD COLUMN "pending_since" bigint;--> statement-breakpoint
ALTER TABLE "registry" ADD COLUMN "previous_usable_until" bigint;