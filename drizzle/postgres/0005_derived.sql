CREATE TABLE "derivation" (
	"id" integer PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"check_every_ms" bigint NOT NULL,
	CONSTRAINT "derivation_is_one_row" CHECK ("derivation"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE "registry_search" (
	"number" bigserial PRIMARY KEY NOT NULL,
	"registry_id" text COLLATE "C" NOT NULL,
	"account" text COLLATE "C" NOT NULL,
	"text" text COLLATE "C" NOT NULL,
	CONSTRAINT "registry_search_registry_id_unique" UNIQUE("registry_id")
);
--> statement-breakpoint
DROP INDEX "registry_account_name";--> statement-breakpoint
ALTER TABLE "registry" ADD COLUMN "name_key" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "registry" ADD COLUMN "next_check_at" bigint;--> statement-breakpoint
ALTER TABLE "registry_search" ADD CONSTRAINT "registry_search_registry_id_registry_id_fk" FOREIGN KEY ("registry_id") REFERENCES "public"."registry"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "registry_account_type" ON "registry" USING btree ("account","type","registry");--> statement-breakpoint
CREATE INDEX "registry_account_outcome" ON "registry" USING btree ("account","outcome","registry");--> statement-breakpoint
CREATE INDEX "registry_account_name_key" ON "registry" USING btree ("account","name_key","id");--> statement-breakpoint
CREATE INDEX "registry_next_check_at" ON "registry" USING btree ("next_check_at","id","account","host","outcome");