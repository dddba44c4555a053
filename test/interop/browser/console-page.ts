// The console in Chromium: opened as a person opens it, with everything it asked for and everything it complained about.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import type { Browser, Locator, Page } from 'playwright-core';

export interface ConsolePage {
  readonly page: Page;
  /** Addresses that the page asked for. */
  readonly requests: readonly string[];
  /** Violations of the content security policy, errors thrown in the page, and errors on its console. */
  readonly complaints: readonly string[];
  readonly button: (name: string | RegExp) => Locator;
  /** Types into the field of this label, over what was there. */
  readonly fill: (label: string, text: string) => Promise<void>;
  /** What axe finds on the screen as it is, in this theme. */
  readonly violations: (theme: 'light' | 'dark') => Promise<string[]>;
  readonly close: () => Promise<void>;
}

/** A page loads within a second on a free core; the machine may be busy. */
const pageTimeoutMs = 30_000;

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Starts a browser. Close it in the end. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', headless: true });
}

/** Opens the address in a browser session of its own. */
export async function openConsole(browser: Browser, address: string): Promise<ConsolePage> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(pageTimeoutMs);
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || /content security policy/i.test(message.text()))
      complaints.push(`console: ${message.text()}`);
  });
  await page.exposeFunction('reportViolation', (text: string) => complaints.push(`policy: ${text}`));
  await page.addInitScript(`document.addEventListener('securitypolicyviolation', (event) =>
    reportViolation(event.violatedDirective + ' ' + event.blockedURI))`);
  await page.goto(address);
  await page.locator('h1').waitFor();
  return {
    page,
    requests,
    complaints,
    button: (name) => page.getByRole('button', typeof name === 'string' ? { name, exact: true } : { name }),
    fill: (label, text) =>
      page
        .locator('input, textarea')
        .and(page.getByLabel(new RegExp(`^${label}`)))
        .fill(text),
    violations: (theme) => findViolations(page, theme),
    close: () => context.close(),
  };
}

async function findViolations(page: Page, theme: 'light' | 'dark'): Promise<string[]> {
  await setTheme(page, theme);
  // The debugger's door: the policy of the page does not apply to what a test brings along.
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
    );
  });
  await setTheme(page, null);
  return found.map((text) => `${theme} ${text}`);
}

/** As the button of the page does it; null goes back to the system's. */
export async function setTheme(page: Page, theme: 'light' | 'dark' | null): Promise<void> {
  await page.evaluate((wanted) => {
    if (wanted === null) delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = wanted;
  }, theme);
}
