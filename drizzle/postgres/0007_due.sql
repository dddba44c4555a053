DROP INDEX "registry_next_check_at";--> statement-breakpoint
ALTER TABLE "derivation" ADD COLUMN "derived_to" text COLLATE "C";--> statement-breakpoint
CREATE INDEX "registry_account_next_check_at" ON "registry" USING btree ("account","next_check_at","id","host","outcome");