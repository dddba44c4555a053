CREATE TABLE "registry_use" (
	"registry_id" text COLLATE "C" NOT NULL,
	"registry_version" integer NOT NULL,
	"actor" text COLLATE "C" NOT NULL,
	"image" text COLLATE "C" NOT NULL,
	"outcome" text COLLATE "C" NOT NULL,
	"count" bigint NOT NULL,
	"last_at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "registry_use" ADD CONSTRAINT "registry_use_registry_id_registry_id_fk" FOREIGN KEY ("registry_id") REFERENCES "public"."registry"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "registry_use_key" ON "registry_use" USING btree ("registry_id","registry_version","actor","image","outcome");--> statement-breakpoint
CREATE INDEX "registry_use_last_at" ON "registry_use" USING btree ("registry_id","last_at");