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

describe('what an alert says', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const rule = (name: string) => alerts.find(({ alert }) => alert === name)?.expr ?? '';

  it('names commands that exist', () => {
    const commands = alerts.flatMap(({ annotations }) =>
      [...annotations.action.matchAll(/"(regway [^"]+)"/g)].map(([, command = '']) => command),
    );
    expect(commands.length).toBeGreaterThan(4);
    expect(commands.filter((command) => !new RegExp(`${command}(?![\\w-])`).test(readme))).toEqual([]);
  });

  it('about pulls is not said of large GraphQL requests, which have an alert of their own', () => {
    const refusals = alerts.filter(({ expr }) => expr.includes('regway_budget_refusals_total'));
    expect(refusals.map(({ alert, expr }) => [alert, /kind(!?=)"requests"/.exec(expr)?.[1]])).toEqual([
      ['RegwayLargeRequestsAreRefused', '='],
      ['RegwayPullsAreRefused', '!='],
    ]);
  });

  it('about Regway is not said of registries that fail, whose pulls are answered with 502, 503, and 504', () => {
    const [failed = ''] = rule('RegwayFails').split(' / ');
    const ofPulls = [...failed.matchAll(/\{([^}]*)\}/g)].filter(
      ([, selector = '']) => !/route!~"[^"]*\bpull\b/.test(selector),
    );
    expect(ofPulls.map(([, selector]) => selector)).toEqual(['status="500", route="pull"']);
  });

  it('about credentials is said of clients that try again every five minutes, though a circuit is open for one', () => {
    expect(rule('RegwayCredentialIsRejected')).toContain('max_over_time(regway_circuits_open[10m])');
  });

  it('at night is not said of one call that failed, but of any damage, whose first failure `rate` and `increase` do not see', () => {
    expect(rule('RegwayStorageFails')).toMatch(/^sum by \(instance, code\) \(increase\(.*\)\) > [3-9]$/);
    expect(rule('RegwayStorageIsDamaged')).toMatch(/^regway_store_failures_total\{[^}]*\} > 0$/);
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
