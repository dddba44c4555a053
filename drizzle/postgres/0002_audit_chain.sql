CREATE TABLE "audit_head" (
	"id" integer PRIMARY KEY NOT NULL,
	"seq" bigint NOT NULL,
	"hash" text COLLATE "C" NOT NULL,
	"mac" text COLLATE "C" NOT NULL,
	CONSTRAINT "audit_head_is_one_row" CHECK ("audit_head"."id" = 1)
);
--> statement-breakpoint
ALTER TABLE "api_token" ADD COLUMN "last_used_at" bigint;--> statement-breakpoint
ALTER TABLE "audit_event" ADD COLUMN "hash" text COLLATE "C";--> statement-breakpoint
CREATE INDEX "audit_event_account" ON "audit_event" USING btree ("account","seq");--> statement-breakpoint
CREATE INDEX "audit_event_actor" ON "audit_event" USING btree ("actor","seq");--> statement-breakpoint
CREATE INDEX "audit_event_target" ON "audit_event" USING btree ("target","seq");