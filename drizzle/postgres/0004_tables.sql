DROP INDEX "api_token_account";--> statement-breakpoint
CREATE INDEX "api_token_account_created_at" ON "api_token" USING btree ("account","created_at","id");--> statement-breakpoint
CREATE INDEX "api_token_account_active" ON "api_token" USING btree ("account","revoked_at","expires_at");