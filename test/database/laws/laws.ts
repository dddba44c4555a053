// The laws of the store, for every database it runs on.

import { describe } from 'vitest';

import type { Harness } from '../harness.ts';
import { accessLaws } from './access.ts';
import { accountLaws } from './accounts.ts';
import { archiveAttackLaws } from './archive-attacks.ts';
import { archiveLaws } from './archives.ts';
import { auditLaws } from './audit.ts';
import { keyLaws } from './keys.ts';
import { migrationLaws } from './migration.ts';
import { pageLaws } from './page.ts';
import { registryLaws } from './registry.ts';
import { searchLaws } from './search.ts';
import { useLaws } from './uses.ts';

/** @param harness Creates the database under test. Called when the tests run. */
export function storeLaws(harness: () => Harness): void {
  describe('registries', () => {
    registryLaws(harness);
  });
  describe('pages', () => {
    pageLaws(harness);
  });
  describe('search', () => {
    searchLaws(harness);
  });
  describe('uses', () => {
    useLaws(harness);
  });
  describe('access and keys', () => {
    accessLaws(harness);
  });
  describe('accounts, logins and the trail', () => {
    accountLaws(harness);
  });
  describe('the audit chain', () => {
    auditLaws(harness);
  });
  describe('archives of audit events', () => {
    archiveLaws(harness);
  });
  describe('archives of audit events under attack', () => {
    archiveAttackLaws(harness);
  });
  describe('rotations of keys', () => {
    keyLaws(harness);
  });
  describe('migrations', () => {
    migrationLaws(harness);
  });
}
