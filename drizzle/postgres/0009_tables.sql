CREATE TABLE "login_claim" (
	"registry_id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"secret_version" integer NOT NULL,
	"claim" text COLLATE "C",
	"claimed_until" bigint NOT NULL,
	"rejected_until" bigint,
	"validated_at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "login_claim" ADD CONSTRAINT "login_claim_registry_id_registry_id_fk" FOREIGN KEY ("registry_id") REFERENCES "public"."registry"("id") ON DELETE cascade ON UPDATE no action;