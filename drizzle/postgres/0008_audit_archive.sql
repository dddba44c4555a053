CREATE TABLE "audit_archive" (
	"id" integer PRIMARY KEY NOT NULL,
	"previous_seq" bigint NOT NULL,
	"previous_hash" text COLLATE "C" NOT NULL,
	"last_seq" bigint NOT NULL,
	"last_hash" text COLLATE "C" NOT NULL,
	"events" bigint NOT NULL,
	"digest" text COLLATE "C" NOT NULL,
	"at" bigint NOT NULL,
	"actor" text COLLATE "C" NOT NULL,
	"mac" text COLLATE "C" NOT NULL,
	CONSTRAINT "audit_archive_is_one_row" CHECK ("audit_archive"."id" = 1)
);
