// Reads the expressions of alert rules and dashboards, and the metrics that they name.

/** A file of alert rules of Prometheus. */
export interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly action: string };
}

/** A metric in an expression, with the labels that are selected. */
export interface NamedMetric {
  /** Of a histogram, without the suffix of its series. */
  readonly name: string;
  readonly labels: readonly string[];
}

/** Returns every value of a key `expr`, however deep. */
export function expressionsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'expr' && typeof inner === 'string' ? [inner] : expressionsOf(inner),
  );
}

/** Returns the metrics that an expression of PromQL names. */
export function metricsIn(expression: string): NamedMetric[] {
  return [...expression.matchAll(/\b((?:regway|nodejs|process)_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, series = '', selectors = '']) => ({
      name: series.replace(/_(bucket|sum|count)$/, ''),
      labels: [...selectors.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    }),
  );
}
