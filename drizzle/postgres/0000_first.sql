CREATE TABLE "account" (
	"name" text COLLATE "C" PRIMARY KEY NOT NULL,
	"created_at" bigint NOT NULL,
	"disabled_at" bigint
);
--> statement-breakpoint
CREATE TABLE "api_token" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"account" text COLLATE "C" NOT NULL,
	"role" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"secret_hash" "bytea" NOT NULL,
	"images" text COLLATE "C",
	"created_at" bigint NOT NULL,
	"expires_at" bigint,
	"revoked_at" bigint
);
--> statement-breakpoint
CREATE TABLE "audit_event" (
	"seq" bigserial PRIMARY KEY NOT NULL,
	"at" bigint NOT NULL,
	"actor" text COLLATE "C" NOT NULL,
	"account" text COLLATE "C" NOT NULL,
	"action" text COLLATE "C" NOT NULL,
	"target" text COLLATE "C" NOT NULL,
	"target_text" text COLLATE "C" NOT NULL,
	"outcome" text COLLATE "C" NOT NULL,
	"request_id" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "data_key" (
	"id" bigint PRIMARY KEY NOT NULL,
	"root_key_id" text COLLATE "C" NOT NULL,
	"wrapped" "bytea" NOT NULL,
	"state" text COLLATE "C" NOT NULL,
	"created_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "registry" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"account" text COLLATE "C" NOT NULL,
	"registry" text COLLATE "C" NOT NULL,
	"host" text COLLATE "C" NOT NULL,
	"repository" text COLLATE "C",
	"name" text COLLATE "C" NOT NULL,
	"type" text COLLATE "C" NOT NULL,
	"username" text COLLATE "C" NOT NULL,
	"secure_connection" boolean NOT NULL,
	"trusted_realm" text COLLATE "C",
	"probe_repository" text COLLATE "C",
	"last_validation" text COLLATE "C",
	"outcome" text COLLATE "C",
	"version" integer NOT NULL,
	"secret_version" integer NOT NULL,
	"sealed" "bytea" NOT NULL,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "seal_canary" (
	"id" integer PRIMARY KEY NOT NULL,
	"sealed" "bytea" NOT NULL,
	CONSTRAINT "seal_canary_is_one_row" CHECK ("seal_canary"."id" = 1)
);
--> statement-breakpoint
ALTER TABLE "api_token" ADD CONSTRAINT "api_token_account_account_name_fk" FOREIGN KEY ("account") REFERENCES "public"."account"("name") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "registry" ADD CONSTRAINT "registry_account_account_name_fk" FOREIGN KEY ("account") REFERENCES "public"."account"("name") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "api_token_account" ON "api_token" USING btree ("account");--> statement-breakpoint
CREATE UNIQUE INDEX "registry_account_registry" ON "registry" USING btree ("account","registry");--> statement-breakpoint
CREATE INDEX "registry_account_host" ON "registry" USING btree ("account","host","registry");--> statement-breakpoint
CREATE INDEX "registry_account_name" ON "registry" USING btree ("account","name","id");--> statement-breakpoint
CREATE INDEX "registry_account_created_at" ON "registry" USING btree ("account","created_at","id");--> statement-breakpoint
CREATE INDEX "registry_account_updated_at" ON "registry" USING btree ("account","updated_at","id");