// The alert rules and the dashboard that the package carries: each expression names only metrics and labels that exist, and every alert says what to do.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { createMetrics } from '../../src/server/ops/metrics.ts';
import { expressionsOf, metricsIn, type Rule, type RuleFile } from '../support/operations.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'src/docs/operations');
const rules = parse(readFileSync(join(folder, 'alerts.yml'), 'utf8')) as RuleFile;
const alerts: Rule[] = rules.groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync(join(folder, 'dashboard.json'), 'utf8')) as object;
const expressions = { alerts: expressionsOf(rules), dashboard: expressionsOf(dashboard) };

/** The metrics of the README, whose test holds that they are those of the sources, with their labels. */
const documented = new Map(
  [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^\| `(regway_\w+)` \| \w+ \|([^|]*)\|/gm)].map(
    ([, name = '', labels = '']) => [name, [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label)],
  ),
);

describe('the alerts', () => {
  it('are found by this test, each with a name of its own', () => {
    expect(alerts.length).toBeGreaterThan(15);
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
    expect(new Set(rules.groups.map(({ name }) => name)).size).toBe(rules.groups.length);
  });

  test.for(alerts.map((rule) => [rule.alert, rule] as const))('%s says what is wrong, and what to do', ([, rule]) => {
    expect(Object.keys(rule).filter((key) => !['alert', 'expr', 'for', 'labels', 'annotations'].includes(key))).toEqual(
      [],
    );
    expect(rule.alert).toMatch(/^Regway[A-Z]\w+$/);
    expect(rule.for ?? '0s').toMatch(/^\d+[smh]$/);
    expect(['page', 'ticket']).toContain(rule.labels.severity);
    for (const text of [rule.annotations.summary, rule.annotations.action]) expect(text).toMatch(/^[A-Z{].*\.$/);
    // A template of Prometheus may use only labels that the expression keeps.
    const used = [...rule.annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
    const kept = /\bby \(([^)]*)\)/.exec(rule.expr)?.[1]?.split(', ');
    if (kept !== undefined) expect(kept).toEqual(expect.arrayContaining(used));
    else if (used.length > 0) expect(rule.expr).not.toMatch(/\b(sum|max|absent)\(/);
  });
});

describe.each(Object.entries(expressions))('the expressions of the %s', (_name, list) => {
  it('name metrics that exist', async () => {
    const scraped = (await createMetrics().render()).body;
    const missing = list
      .flatMap(metricsIn)
      .filter(({ name }) => !documented.has(name) && !scraped.includes(`# TYPE ${name} `));
    expect(list.length).toBeGreaterThan(15);
    expect(missing).toEqual([]);
  });

  it('select labels that their metric has', () => {
    const wrong = list
      .flatMap(metricsIn)
      .filter(({ name }) => documented.has(name))
      .flatMap(({ name, labels }) =>
        labels
          .filter((label) => label !== 'instance' && !documented.get(name)?.includes(label))
          .map((label) => [name, label]),
      );
    expect(wrong).toEqual([]);
  });

  it('have brackets and quotes in pairs', () => {
    for (const text of list) {
      const bare = text.replaceAll(/"[^"]*"/g, '""');
      const count = (piece: string): number => bare.split(piece).length;
      expect([text, count('('), count('{'), count('[')]).toEqual([text, count(')'), count('}'), count(']')]);
      expect(bare.split('"').length % 2).toBe(1);
    }
  });
});

it('what an operator must see is in an alert or on the dashboard', () => {
  const shown = new Set([...expressions.alerts, ...expressions.dashboard].flatMap(metricsIn).map(({ name }) => name));
  const wanted = [...documented.keys()].filter((name) =>
    /^regway_(store|audit|key|sessions|streams|circuits|pulls|http|uses|bytes|budget|revalidation)/.test(name),
  );
  expect(wanted.length).toBeGreaterThan(20);
  expect(wanted.filter((name) => !shown.has(name))).toEqual([]);
});
