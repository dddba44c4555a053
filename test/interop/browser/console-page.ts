// Opens the console in Chromium, and records its requests and errors.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import type { Browser, Locator, Page } from 'playwright-core';

export interface ConsolePage {
  readonly page: Page;
  /** The addresses that the page requested. */
  readonly requests: readonly string[];
  /** Violations of the content security policy, errors thrown in the page, and errors on its console. */
  readonly complaints: readonly string[];
  readonly button: (name: string | RegExp) => Locator;
  /** Replaces the value of the field with this label. */
  readonly fill: (label: string, text: string) => Promise<void>;
  /** Returns the violations that axe finds on the current screen in this theme. */
  readonly violations: (theme: 'light' | 'dark') => Promise<string[]>;
  readonly close: () => Promise<void>;
}

/** Milliseconds for one step: a page loads within 1 second on an idle core, but the machine may be busy. */
const pageTimeoutMs = 30_000;

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Starts a browser, which the caller closes. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', headless: true });
}

/** Opens the address in a new browser session. */
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
  await page.evaluate(untilStill);
  // The content security policy does not apply to scripts that the debugger injects.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axeSource);
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

/** Runs in the page: waits for the transitions that end, because colors in between have too little contrast. */
async function untilStill(): Promise<void> {
  const ending = document.getAnimations().filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity);
  await Promise.allSettled(ending.map(({ finished }) => finished));
}

/** Sets the theme like the button of the page; null returns to the one of the system. */
export async function setTheme(page: Page, theme: 'light' | 'dark' | null): Promise<void> {
  await page.evaluate((wanted) => {
    if (wanted === null) delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = wanted;
  }, theme);
}
